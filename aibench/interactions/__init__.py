"""Reads, filters, holds out and draws users' interactions with items, for recommenders.

May import `datasets` and `contract`.
"""
