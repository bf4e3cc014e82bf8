"""Trains NeuMF, neural collaborative filtering, on MovieLens ratings (paper, 4.1.11; DC-AI-C10)."""
