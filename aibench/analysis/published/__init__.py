"""Reads results that others published into results of this suite."""
