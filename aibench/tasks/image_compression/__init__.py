"""Trains a recurrent image codec on ImageNet, scored on Kodak's pictures (paper, 4.1.13; DC-AI-C12)."""
