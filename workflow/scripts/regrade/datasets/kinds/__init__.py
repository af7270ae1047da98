"""What several datasets have in common: how they are generated or read."""
