"""What every test may use."""

from __future__ import annotations

import copy
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy
import pytest
from omegaconf import DictConfig

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before PyTorch is imported
import torch

from aibench.config import RunConfig

ROOT = Path(__file__).parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Give a test process, and those that it starts, one core.

    Whatever takes as many threads as there are cores then takes one. Two that wait for each other on busy cores make a
    small model ten times slower, and PyTorch keeps them for the tests that follow.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", f"gw{os.getpid()}")
    hands_out = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if hasattr(os, "sched_setaffinity") and not hands_out:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Let each test draw the same numbers, whichever tests ran before it in its process and whatever they drew."""
    numpy.random.seed(0)
    torch.manual_seed(0)


# Small enough that a session of the core's tests takes a second or two.
TINY = (
    "task=image_classification",
    "data.train_size=192",
    "data.val_size=64",
    "data.batch_size=32",
    "data.eval_batch_size=64",
    "hardware=cpu",
    "hardware.threads=1",
    "progress=false",
)


def script(path: str) -> ModuleType:
    """Import a script that is no part of the package, by its path in the repository."""
    name = Path(path).stem
    spec = importlib.util.spec_from_file_location(name, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that all processes of these tests share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder  # each worker has its own in the one of all


@pytest.fixture(scope="session", autouse=True)
def _one_cache_for_all_tests(shared_folder: Path) -> None:
    os.environ.setdefault("AIBENCH_CACHE", str(shared_folder / "cache"))


@pytest.fixture(scope="session", autouse=True)
def _each_composition_once() -> Iterator[None]:
    """Hand out copies of what Hydra composed before of the same words. Each is checked anew: files may have changed."""
    from aibench.composition import compose

    compositions: dict[tuple[str, ...], DictConfig] = {}
    original = compose._compose

    def from_memory(overrides: Sequence[str]) -> DictConfig:
        words = tuple(overrides)
        if words not in compositions:
            compositions[words] = original(words)
        return copy.deepcopy(compositions[words])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compose, "_compose", from_memory)
        yield


@pytest.fixture
def composed() -> Callable[..., RunConfig]:
    """`composed("task=x", ...)` is the run that `python train.py task=x ...` would start."""
    from aibench.composition.compose import composed

    return lambda *overrides: composed(overrides)


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python train.py ...` in an empty folder, `tmp_path / "here"`."""
    here = tmp_path / "here"
    here.mkdir()

    def run(*words: str, program: str = "train.py", **environment: str) -> subprocess.CompletedProcess[str]:
        start = [str(ROOT / "train.py")] if program == "train.py" else ["-m", "aibench.cli"]
        return subprocess.run(
            [sys.executable, *start, *words],
            cwd=here,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@dataclass(frozen=True)
class Told:
    """What a command that ran in this process said.

    Attributes:
        returncode: Exit status; an exception that came through is its traceback instead.
        stdout, stderr: What it printed.
        started: Folders of the runs that would have trained.
    """

    returncode: int | str
    stdout: str
    stderr: str
    started: list[Path]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """`told(*words)` is what `python train.py ...` says in an empty folder, `tmp_path / "here"`, without training."""
    import contextlib
    import io
    import traceback

    from aibench import cli
    from aibench.commands import train

    (tmp_path / "here").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    for name, value in cli.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)  # or the process starts itself anew
    started: list[Path] = []
    monkeypatch.setattr(train, "run_job", lambda config, folder, *_: started.append(folder) or 0)

    def run(*words: str, entry: Callable[[], None] = cli.train) -> Told:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "argv", ["train.py", *words])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        started.clear()
        status: int | str = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                entry()
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else int(end.code is not None)
            except BaseException as error:
                status = "".join(traceback.format_exception(error))
        return Told(status, out.getvalue(), err.getvalue(), list(started))

    return run
