"""The mirror against the fake GitHub: what people do there, and what becomes of it."""
