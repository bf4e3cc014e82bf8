"""Measures all of a run that is not its quality: time, energy, memory, operations, and how far to trust them.

May import `config`, `results`, `contract` and `world`.
"""
