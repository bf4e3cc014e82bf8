"""Reads results that others published as results of this suite: they stand in the same tables."""
