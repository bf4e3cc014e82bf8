"""Holds the verbs of the command line, a file each; no other room but `cli` may import it.

May import `aibench.__version__`, `choices`, `config`, `datasets`, `results`, `contract`, `composition`, `meters`,
`analysis`, `tracking`, `training`, `serving`, `characterization` and `world`.
"""
