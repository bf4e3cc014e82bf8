"""Reads records of characterisation into tables and figures (paper, 5.2, 5.5). May import `analysis.variation`."""
