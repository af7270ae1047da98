"""Datasets: where each comes from, how it is prepared, and its offline stand-in."""
