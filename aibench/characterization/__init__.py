"""Measures what models are and do, without data: size, operations, where time goes, hardware counters.

May import `config`, `nn`, `results`, `contract`, `composition`, `meters` and `training`.
"""
