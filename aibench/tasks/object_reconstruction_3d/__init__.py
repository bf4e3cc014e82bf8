"""Trains a perspective transformer network on ShapeNet (paper, 4.1.14; DC-AI-C13)."""
