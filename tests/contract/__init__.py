"""The contract of stores, as tests."""
