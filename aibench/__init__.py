"""Trains seventeen AI tasks of Internet services, each to a quality target."""

__version__ = "0.1.0"
