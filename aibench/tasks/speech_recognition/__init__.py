"""Trains Deep Speech 2 on LibriSpeech (paper, 4.1.8; DC-AI-C6)."""
