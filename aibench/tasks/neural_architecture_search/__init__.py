"""Trains ENAS, which finds a recurrent cell, on Penn Treebank's text (paper, 4.1.17; DC-AI-C17)."""
