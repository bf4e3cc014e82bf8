"""Measures a run besides its quality: time, energy, operations, memory, the machine, trust.

May import `config`, `results` and `contract`.
"""
