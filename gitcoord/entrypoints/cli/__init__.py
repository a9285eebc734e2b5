"""The command line, and what other doors share with it.

`root` is the group of all commands. Importing this package loads nothing: the hooks of agent
clients use what stands beside the commands, and have no time for a library of options.
"""
