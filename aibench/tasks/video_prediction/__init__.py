"""Trains CDNA, the motion-focused predictive model, on robot pushing (paper, 4.1.12; DC-AI-C11)."""
