"""Builds networks, optimizers and schedules that two tasks or more share.

May import `config`.
"""
