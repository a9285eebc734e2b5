"""`/api/v1/`: every operation and query of the domain, a route each, made from one table."""
