"""Holds the files that runs leave, with their schema.

May import `config`.
"""
