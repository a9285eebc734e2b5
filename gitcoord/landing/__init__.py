"""The line to the target branch: what joins the queue, git's merges and checks.

Promises that nothing lands which has not passed what its paths ask for. Decides nothing that
records decide: rules are in `gitcoord.domain`. May import: the ledger and the rooms below it.
"""
