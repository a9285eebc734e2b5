"""The web service: HTTP API, dashboard and GitHub deliveries over the same operations.

Promises no rule of its own; only `settings` reads the environment. Installed
with the extra `service`. May import: every room of `gitcoord`.
"""
