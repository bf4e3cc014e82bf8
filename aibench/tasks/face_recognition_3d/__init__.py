"""Trains ResNet-50 with a depth channel on RGB-D faces, a closed set (paper, 4.1.10; DC-AI-C8)."""
