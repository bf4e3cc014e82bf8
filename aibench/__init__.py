"""Trains seventeen AI tasks of Internet services, each to a quality target.

From Python: `train`, `serve`, `results`, `history`, `load`, and the types and errors that they name. docs/python.md
explains them. Each is imported when it is first used, so that `import aibench` costs nothing.
"""

from importlib import import_module as _import_module

__version__ = "0.1.0"

_WHERE = {
    "ConfigError": "aibench.config",
    "Inference": "aibench.results.inference",
    "Loaded": "aibench.api.loading",
    "Result": "aibench.results.result",
    "ResultError": "aibench.results.result",
    "Run": "aibench.api.running",
    "history": "aibench.api.reading",
    "load": "aibench.api.loading",
    "results": "aibench.results",
    "serve": "aibench.api.running",
    "train": "aibench.api.running",
}
__all__ = ["__version__", *_WHERE]  # noqa: PLE0604


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'aibench' has no attribute {name!r}")
    found = _import_module(_WHERE[name])
    return found if name == "results" else getattr(found, name)  # that room is a function too


def __dir__() -> list[str]:
    return sorted(__all__)
