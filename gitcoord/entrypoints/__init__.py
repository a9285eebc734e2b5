"""The front doors: read a request, build operations, show what came back.

Promises no rule of its own, so that every door gives the same answer. The only
room that reads the environment and prints.
May import: every other room of `gitcoord`; nothing imports it but the web service.
"""
