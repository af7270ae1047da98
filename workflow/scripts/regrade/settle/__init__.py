"""Which further seeds of which cells settle the most claims in a given time."""
