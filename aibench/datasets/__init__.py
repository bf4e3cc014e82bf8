"""Holds what the data of several tasks share: folders, arrays, tensors, prepared files.

May import `config`.
"""
