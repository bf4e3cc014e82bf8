"""AIBench: seventeen AI tasks of Internet services, each trained to a quality target."""

__version__ = "0.1.0"
