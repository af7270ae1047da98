"""From runs to numbers with their uncertainty."""
