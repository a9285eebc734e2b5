"""What GitHub shows: labels, comments and checks as a projection of the ledger.

Promises that the projection can always be rebuilt from the ledger and never
decides anything. The only room that imports PyGithub.
May import: the ledger and the rooms below it.
"""
