"""Holds the files that runs leave and their schema. May import `config`, and no torch."""
