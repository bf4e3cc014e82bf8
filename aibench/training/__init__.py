"""Runs one training session, from set-up to its result, for any task and none by name.

May import `aibench.__version__`, `config`, `nn`, `results`, `contract`, `composition`, `meters`, `tracking`
and `world`.
"""
