"""Holds what `import aibench` offers: training, reading results and loading what was trained, from Python.

May import `config`, `results`, `contract`, `composition`, `analysis`, `training` and `serving`.
"""
