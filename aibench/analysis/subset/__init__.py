"""Chooses a subset of the tasks (paper, 5.4)."""
