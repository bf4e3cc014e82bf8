"""Turns words into a typed run; it and the verbs alone know Hydra.

May import `config` and `contract`.
"""
