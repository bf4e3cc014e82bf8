"""Reads result files into runs, and pools those that may be pooled."""
