"""Whether claims and reported numbers name only what is there, and could come out either way: before any is judged."""
