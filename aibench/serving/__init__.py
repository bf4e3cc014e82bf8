"""Runs serving sessions: times a trained model's answers to one request at a time, in batches, and under load.

May import `config`, `results`, `contract`, `composition`, `meters` and `training`.
"""
