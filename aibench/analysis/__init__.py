"""Reads result files. Imports neither torch nor the tasks."""
