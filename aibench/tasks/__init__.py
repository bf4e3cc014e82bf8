"""Holds the seventeen tasks, a room each; the folder is the registry, and no task imports another.

May import `metrics`, `config`, `datasets`, `nn`, `contract`, `vision`, `text` and `interactions`.
"""
