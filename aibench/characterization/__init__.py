"""Measures what the models are and do, without any data set: size, operations, time, hardware counts.

May import `config`, `nn`, `results`, `contract`, `composition`, `meters` and `training`.
"""
