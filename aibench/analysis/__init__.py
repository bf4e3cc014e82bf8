"""Reads results and records and says what follows from them: variation, cost, subset, comparison, report.

May import `aibench.__version__`, `choices` and `results`.
"""
