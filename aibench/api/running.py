"""Trains and serves from Python by the command itself, in a process of its own: the same measurement, the same files.

A process that has imported PyTorch already can no longer be set up as a measured run asks for it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from aibench.composition.words import as_word
from aibench.config import ConfigError
from aibench.results.inference import INFERENCE, Inference, read_inference
from aibench.results.result import RESULT, Result, files_at, read_result
from aibench.serving.options import NAMES

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Run:
    """Holds a trained run: where it lies, and everything that it measured.

    Attributes:
        folder: Folder of the run, with its checkpoints and its figure.
        result: What `result.json` holds; docs/sessions.md explains each field and its unit.
    """

    folder: Path
    result: Result


def train(*words: str, output: Path | str | None = None, progress: bool = True, **keys: Any) -> Run:
    """Train one task to its target, as `aibench train` does.

    Args:
        words: Words as on the command line, as in `"task=NAME"`, `"scale=mini"`, `"optim.lr=0.01"`.
        output: Folder of the run; a new one in `runs/`, named after date and time, where none is given.
        progress: Whether each evaluation and the closing table are printed.
        keys: Further keys and their values, as in `seed=2`; `**{"optim.lr": 0.01}` for one with a dot.

    Returns:
        The run, whichever way it ended: `result.status` is `converged`, `not_converged`, `diverged` or `failed`, and
        `result.message` says why.

    Raises:
        ConfigError: The run was refused; the message is the line that the command prints.
        KeyboardInterrupt: It was interrupted; its folder has what was measured, and `resume="auto"` goes on.
    """
    flags = [word for word in words if word.startswith("-")]
    if flags:
        raise ConfigError(f"{flags[0]}: a flag. Call train once for each run, or use the command for a sweep.")
    folder = Path(output) if output is not None else Path("runs") / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"
    written = [*words, *(as_word(key, value) for key, value in keys.items())]
    given = ["train", *written, as_word("output", str(folder)), as_word("progress", progress)]
    status, complaint = _run(given, show=progress)
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    if not (folder / RESULT).is_file():
        several = f"{folder}: holds several runs; aibench.results reads them." if files_at(folder) else None
        raise ConfigError(several or complaint or f"{folder}: the process ended with status {status} and no result.")
    return Run(folder, read_result(folder))


def serve(run: Run | Path | str, *words: str, **keys: Any) -> Inference:
    """Serve a trained run and measure it, as `aibench infer` does; nothing is written into its folder.

    Args:
        run: What `train` returned, or the folder of a run.
        words: Words as on the command line, as in `"scenario=offline"`, `"seconds=5"`.
        keys: Further keys and their values.

    Returns:
        Latencies in seconds, throughput, quality and memory in bytes; docs/serving.md explains them.

    Raises:
        ConfigError: The session was refused; the message is the line that the command prints.
    """
    folder = run.folder if isinstance(run, Run) else Path(run)
    written = [*words, *(f"{key}={value}" if key in NAMES else as_word(key, value) for key, value in keys.items())]
    with TemporaryDirectory() as place:
        path = Path(place) / INFERENCE
        status, complaint = _run(["infer", f"run={folder}", *written, "--output", str(path)], show=False)
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        if not path.is_file():
            raise ConfigError(complaint or f"{folder}: the process ended with status {status} and served nothing.")
        return read_inference(path)


def _run(words: Sequence[str], *, show: bool) -> tuple[int, str]:
    """Run `aibench` with `words`; return its exit status and its last complaint, without the program's name."""
    command = [sys.executable, "-m", "aibench.cli", *words]
    with TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8", start_new_session=True
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:  # printed here, so that a notebook shows them in its cell
                if show:
                    print(line, end="", flush=True)
            status = process.wait()
        except BaseException:
            process.send_signal(signal.SIGINT)  # it writes what it has
            process.wait()
            raise
        errors.seek(0)
        lines = errors.read().strip().splitlines()
    complaints = [line for line in lines if line.startswith("aibench: ")] or lines or [""]
    return status, complaints[-1].removeprefix("aibench: ")
