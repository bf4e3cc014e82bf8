"""Computes what runs to quality cost (paper, 5.3.2)."""
