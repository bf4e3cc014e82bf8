"""Holds what several tasks' data share: folders, arrays, tensors and prepared files. May import `config`."""
