"""The real agent clients, driven offline."""
