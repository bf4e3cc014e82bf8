"""Metrics of the field that torchmetrics lacks, or computes by another rule."""
