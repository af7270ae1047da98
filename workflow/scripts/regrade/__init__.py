"""Regrade: re-runs deep-learning coursework reports from raw data and grades what they claimed.

The way through the package is one direction, and a module imports only from its left:
params → datasets (fetch, prepare) → models → training → statistics → reporting.
"""
