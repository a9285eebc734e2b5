"""How fast gitcoord is, each row as a ratio against a baseline measured in the same run.

Run `python -m bench` from a checkout; docs/performance.md says how and keeps the result.
Nothing here is a test: numbers depend on the machine, and no build fails for them.
"""
