"""Holds the verbs of the command line, a file each. May import every room but nothing may import it, save `cli`."""
