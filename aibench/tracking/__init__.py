"""Hands a session's history to trackers such as W&B.

May import `config`, `results` and `composition`.
"""
