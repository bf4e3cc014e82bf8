"""Chooses a subset of the tasks (paper, 5.4). May import `analysis.runs`, `variation` and `cost`."""
