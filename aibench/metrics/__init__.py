"""Computes metrics of the field that torchmetrics lacks or defines otherwise.

May import nothing of ours.
"""
