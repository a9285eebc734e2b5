"""git itself as a client: the hooks that call `gitcoord guard`.

Promises that a hook of ours never stops git because gitcoord is missing or broken, and
that hooks which were there before go on working. Decides nothing about locks.
"""
