"""Runs a sweep on one machine, a process a run, each on a GPU or on cores of its own (`hydra/launcher=pool`)."""
