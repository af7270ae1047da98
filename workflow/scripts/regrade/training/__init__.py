"""Training: runs that advance together, their state between epochs, and the files they leave."""
