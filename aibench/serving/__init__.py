"""Serving sessions: what a trained model's answers take, one request at a time, in batches, and under load."""
