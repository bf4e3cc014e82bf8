"""Trains FaceNet's Inception network with triplet loss on VGGFace2, verified on LFW (paper, 4.1.9; DC-AI-C7)."""
