"""The demonstration: several agents, as processes, do real work on a copy of a real repository.

Everything an agent does here goes through the same operations as any door's. The
copy is scratch; the repository it was made from is only read.
"""
