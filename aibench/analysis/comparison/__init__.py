"""Compares two sides task by task."""
