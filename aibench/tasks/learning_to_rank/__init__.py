"""Trains Caser with ranking distillation on Gowalla check-ins (paper, 4.1.3; DC-AI-C16).

There is no figure.py: recommendations of both recommenders are drawn by `interactions/figure.py`.
"""
