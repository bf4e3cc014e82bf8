"""Trains a spatial transformer network on MNIST (paper, 4.1.16; DC-AI-C15)."""
