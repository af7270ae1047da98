"""Cells: one hyperparameter combination of one experiment each, with a name that changes when its result would."""
