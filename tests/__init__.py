"""What proves that gitcoord does what it says."""
