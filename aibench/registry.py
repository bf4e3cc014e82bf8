"""Forwards to `aibench.composition.registry`; kept until 0.2.0 for scripts that import it from here."""

from aibench.composition.registry import *  # noqa: F403
