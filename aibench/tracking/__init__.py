"""Hands a session's history to trackers such as W&B. May import `config`, `composition` and `results`."""
