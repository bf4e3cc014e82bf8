"""Ranking distillation of Caser on Gowalla check-ins (paper, 4.1.3; DC-AI-C16)."""
