"""Handles text for two tasks or more: vocabularies, batches, beam search, n-grams.

May import `config` and `contract`.
"""
