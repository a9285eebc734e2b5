"""GitHub's webhooks: received, kept until they are done, and what the ledger does shown there.

The service is the quick way; `gitcoord github event` does the same in a workflow.
"""
