"""Serves a trained model: latency, throughput and load of its answers.

May import `config`, `results`, `contract`, `composition`, `meters` and `training`.
"""
