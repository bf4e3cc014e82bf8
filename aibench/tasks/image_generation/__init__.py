"""Trains WGAN on LSUN bedrooms (paper, 4.1.4; DC-AI-C2)."""
