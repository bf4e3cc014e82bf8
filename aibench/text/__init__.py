"""Handles text for two tasks or more: vocabularies, batches, beam search.

May import `config` and `contract`.
"""
