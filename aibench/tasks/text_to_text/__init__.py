"""Trains the Transformer on WMT English-German (paper, 4.1.5; DC-AI-C3)."""
