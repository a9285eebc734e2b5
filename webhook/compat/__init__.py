"""The routes of the systems that gitcoord replaces, in their words: a client changes its URL.

Each system is a table of routes and an envelope; what is decided is decided by the same
operations as everywhere. docs/compatibility.md says what differs. Not here: any rule.
"""
