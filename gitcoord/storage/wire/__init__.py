"""The wire: a ledger that is kept by a git host, swapped by pushes and followed by small reads.

Promises compare-and-swap at the host in one request, and never touches the user's own refs
and objects. Not here: which remote is meant, or what to do while it cannot be reached.
"""
