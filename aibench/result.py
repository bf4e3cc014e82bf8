"""Forwards to `aibench.results.result`; kept until 0.2.0 for scripts that import it from here."""

from aibench.results.result import *  # noqa: F403
