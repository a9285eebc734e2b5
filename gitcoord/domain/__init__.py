"""The rules: what may happen, decided from values alone.

One noun per file with its records, operations and refusals. The same input
always gets the same answer: no clock, chance, disk, network or environment.
May import: `gitcoord.errors`, msgspec and the pure part of the standard library.
"""
