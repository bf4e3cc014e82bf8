"""Trains an attentional sequence-to-sequence LSTM on Gigaword headlines (paper, 4.1.15; DC-AI-C14)."""
