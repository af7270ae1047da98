"""Learners: the networks of several runs, their gradients and their steps, by PyTorch or by numpy alone."""
