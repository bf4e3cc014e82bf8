"""Trains CycleGAN on Cityscapes, label maps to photos and back (paper, 4.1.7; DC-AI-C5)."""
