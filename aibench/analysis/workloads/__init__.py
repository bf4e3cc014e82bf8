"""Reads records of characterisation into tables and figures (paper, 5.2 and 5.5)."""
