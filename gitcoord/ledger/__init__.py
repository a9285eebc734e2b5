"""The one write path: read the head, apply operations, write one commit, swap, or try again.

Promises that each operation is decided exactly once and that many waiting ones
share a commit. Decides nothing itself: rules are in `gitcoord.domain`.
May import: `gitcoord.storage`, `gitcoord.domain`, `gitcoord.errors`.
"""
