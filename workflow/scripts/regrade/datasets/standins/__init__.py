"""Generated texts that stand in for real ones, for runs without a network."""
