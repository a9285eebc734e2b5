"""What has changed in a project, as streams and as notifications.

Promises that whoever comes back with the id of an event gets exactly what came after it,
whichever service and whichever run of it answers. Nothing is kept for readers: they read the
ledger's own chain (`gitcoord/ledger/feed`). Only what waits to be sent to URLs is kept.
"""
