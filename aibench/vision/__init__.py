"""Handles pictures for two tasks or more.

May import `config` and `datasets`.
"""
