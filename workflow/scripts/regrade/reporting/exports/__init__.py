"""What other tools read: metrics for DVC, an RO-Crate, the best models."""
