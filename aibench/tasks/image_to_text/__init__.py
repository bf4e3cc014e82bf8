"""Trains a neural image caption generator on COCO 2014 (paper, 4.1.6; DC-AI-C4)."""
