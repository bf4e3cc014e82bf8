"""Forwards to `aibench.composition.compose`; kept until 0.2.0 for scripts that import it from here."""

from aibench.composition.compose import *  # noqa: F403
