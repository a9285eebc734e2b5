"""`gitcoord hook CLIENT EVENT`: what agent clients call before and after everything they do.

Promises to answer within two seconds, to keep an edit off a file that somebody else is
known to hold, and to stop nobody's work by a fault of our own.
"""
