"""Agent clients: what each one's hooks, transcripts and settings look like.

Promises to translate between a client's formats and ours, one client per file.
Decides nothing and prints nothing. May import: the ledger and the rooms below it.
"""
