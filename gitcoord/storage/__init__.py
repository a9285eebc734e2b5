"""What git remembers: refs, objects, the stored form of records, disposable indexes.

Promises that a swap moves a ref from exactly the value that was read, durably,
or changes nothing. Knows bytes, tables and names, not what they mean.
The only room that starts git or libgit2 for the ledger. May import: `gitcoord.errors`.
"""
