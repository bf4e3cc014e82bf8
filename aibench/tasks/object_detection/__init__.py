"""Trains Faster R-CNN on VOC2007 (paper, 4.1.2; DC-AI-C9)."""
