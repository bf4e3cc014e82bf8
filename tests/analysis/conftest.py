"""Writes plausible result files for the analyses to read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aibench.results.result import (
    Cost,
    Data,
    Division,
    Energy,
    Evaluation,
    Measured,
    Memory,
    Model,
    Phase,
    Result,
    Split,
    Status,
    Steps,
    Target,
    Throughput,
    Times,
    ToQuality,
    Trust,
    Use,
    write_result,
)
from tests.conftest import ROOT

QUALITY = 0.9
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
EPOCH_SECONDS = 12.0


def configuration(task: str, seed: int, **changes: Any) -> dict[str, Any]:
    """A resolved configuration; `changes` are dotted keys with `__` for the dot."""
    config: dict[str, Any] = {
        "task": task,
        "scale": "mini",
        "session": "entire",
        "seed": seed,
        "resume": "never",
        "progress": True,
        "output": f"runs/{seed}",
        "model": {"width": 32},
        "data": {"source": "embedded", "root": None, "cache": "~/.cache/aibench", "seed": 0, "batch_size": 64},
        "optim": {"lr": 0.1, "weight_decay": 0.0005},
        "target": {"metric": "val/accuracy", "mode": "max", "entire": QUALITY, "evaluations_per_epoch": 10.0},
        "hardware": {"accelerator": "auto", "precision": "fp32", "threads": 2},
        "tracking": {"kind": "csv", "tags": []},
    }
    for key, value in changes.items():
        *parents, last = key.split("__")
        node = config
        for parent in parents:
            node = node[parent]
        node[last] = value
    return config


def history(epochs: float, quantum: float) -> list[Evaluation]:
    """A quality that rises from 0.5, and reaches the target at the last evaluation."""
    count = max(1, round(epochs / quantum))
    return [
        Evaluation(
            epochs=place * quantum,
            steps=10 * place,
            samples=640 * place,
            seconds=EPOCH_SECONDS * place * quantum,
            training_seconds=0.9 * EPOCH_SECONDS * place * quantum,
            phase="training",
            metrics={"val/accuracy": 0.5 + (QUALITY - 0.5) * place / count, "val/loss": 1 / (place + epochs)},
        )
        for place in range(1, count + 1)
    ]


def times(total: float, training: float) -> Times:
    """Wall time with a training whose parts sum to it."""
    parts = {"data": 0.05, "transfer": 0.0, "forward": 0.3, "backward": 0.5, "optimizer": 0.1, "compilation": 0.0}
    split = Split(
        **{part: share * training for part, share in parts.items()}, loop=0.05 * training, method="host clock"
    )
    return Times(total, 1.0, training, 0.5, 0.1, total - training - 1.6, split, preparation=0.0)


def made_up(
    epochs: float | None = 3.0,
    seed: int = 1,
    *,
    task: str = "image_classification",
    status: Status | None = None,
    quantum: float = 0.1,
    config: dict[str, Any] | None = None,
    **fields: Any,
) -> Result:
    """A result that reached its target after `epochs`, or missed it where that is None."""
    reached = epochs is not None
    points = history(epochs or 5.0, quantum)
    result = Result(
        run_id=f"{task}-{seed}-{id(points):x}",
        task=task,
        scale="mini",
        session="entire",
        seed=seed,
        status=status or (Status.converged if reached else Status.not_converged),
        message=None,
        started="2026-01-01T00:00:00+00:00",
        resumed=0,
        division=Division("closed"),
        target=Target("val/accuracy", "max", QUALITY, "calibrated"),
        quality=points[-1].metrics["val/accuracy"],
        best_quality=points[-1].metrics["val/accuracy"],
        to_quality=None,
        history=points,
        phases=[Phase("training", points[-1].steps, points[-1].samples, points[-1].training_seconds)],
        times=times(points[-1].seconds + 1, points[-1].training_seconds),
        throughput=Throughput(
            "images",
            *(Measured(500.0, "images/s") for _ in range(3)),
            samples=Measured(500.0, "samples/s"),
            steps=Steps(100, 10, 0.1, 0.09, 0.12, "training"),
        ),
        memory=Memory(Measured(8e8, "B"), Measured(None, "B", reason="no accelerator")),
        energy=Energy(*(Measured(None, "J", reason="no sensor") for _ in range(5))),
        cost=Cost(*(Measured(None, unit, reason="no tariff") for unit in ("currency", "currency", "gCO2e"))),
        model=Model(
            28_000,
            28_000,
            flops=Measured(1e6, "FLOP/sample"),
            step_flops=Measured(3e6, "FLOP/sample"),
            uncounted={},
            use=Use(*(Measured(None, unit, reason="no peak") for unit in ("1", "1", "FLOP/s", "FLOP/s"))),
            initialisation="from scratch",
        ),
        data=Data("embedded", "0123456789abcdef", 6400, 1000),
        trust=Trust(None, []),
        system={"cpu": "Processor", "cores": 2, "threads": 2, "gpu": None},
        versions={"python": "3.12.3", "torch": "2.11.0"},
        commit="a" * 40,
        config=config or configuration(task, seed),
        figure=None,
        suite_version="0.1.0",
    )
    seconds = EPOCH_SECONDS * epochs if epochs is not None else None
    samples = round(6400 * epochs) if epochs is not None else None
    result.to_quality = ToQuality(epochs, samples, seconds, seconds and 0.9 * seconds, quantum)
    for name, value in fields.items():
        setattr(result, name, value)
    return result


@pytest.fixture(scope="session")
def run() -> Callable[..., Result]:
    """`run(epochs, seed, ...)`: a plausible result."""
    return made_up


@pytest.fixture(scope="session")
def config() -> Callable[..., dict[str, Any]]:
    """`config(task, seed, optim__lr=0.2)`: a resolved configuration."""
    return configuration


@pytest.fixture(scope="session")
def write() -> Callable[[Path, list[Result]], None]:
    """`write(folder, results)`: each in its run folder `0`, `1`, ... below `folder`."""

    def write_all(folder: Path, results: list[Result]) -> None:
        for number, result in enumerate(results):
            write_result(folder / str(number), result)

    return write_all


@pytest.fixture(scope="session")
def served() -> Callable[..., dict[str, Any]]:
    """`served(scenario={...}, precision=...)`: a serving session as its file holds it, a shipped one changed."""
    path = ROOT / "experiments" / "inference" / "results" / "image_classification_seed1.json"

    def make(scenario: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        session: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        session["scenarios"] = [session["scenarios"][0] | (scenario or {})]
        return session | fields

    return make


@pytest.fixture
def browser():
    """Headless Chromium, where there is one."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`: pip install playwright")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"needs a browser: none of {', '.join(BROWSERS)} is installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()
