"""Trains ResNet-50 on ImageNet (paper, 4.1.1; DC-AI-C1)."""
