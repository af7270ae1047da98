"""What every job of the workflow does around its work."""
