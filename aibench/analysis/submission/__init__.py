"""Judges a submission: a set of runs by the rules of `docs/rules.md`, and what it scores."""
