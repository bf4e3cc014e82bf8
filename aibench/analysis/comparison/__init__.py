"""Compares two sides task by task. May import `analysis.runs` and `analysis.variation`."""
