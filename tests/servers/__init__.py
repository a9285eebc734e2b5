"""Real git hosts for tests, on loopback: smart HTTP and ssh, and the ways in which they fail."""
