"""Searches the largest training batch that memory holds; each try trains in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import torch

from aibench.characterization.memory import from_here_on
from aibench.characterization.selection import Selection
from aibench.characterization.workload import Steps, run_steps
from aibench.config import ConfigError, DataError
from aibench.meters.system import peak_process_memory, set_arithmetic
from aibench.training.children import die_with

STEPS = Steps(warmup=1, count=3)  # the first loads libraries and makes the optimisers' state
SMALLEST = 64  # a size up to which what cannot be trained for another reason (normalisation, say) is passed over
KEY = "data.batch_size"
NO_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "std::bad_alloc",
    "Cannot allocate memory",
    "new thread",
)


@dataclass(frozen=True, slots=True)
class Job:
    """Says what is tried.

    Attributes:
        name, scale, device, words: Those of the selected workload.
        limit: Bytes that a try may take: on a CPU its whole process, on a GPU what torch reserves; None for all of a
            GPU's memory.
        each: What `data.batch_size` counts in a sample: 1, or the tokens of a sample where it counts tokens.
        fast: `gpu_fast` or `cpu_fast`, where that was asked for.
    """

    name: str
    scale: str
    device: str
    words: list[str]
    limit: int | None
    each: float = 1.0
    fast: str | None = None

    def key(self, size: int) -> int:
        """Return the value of `data.batch_size` for batches of about `size` samples."""
        return max(1, round(size * self.each))


@dataclass(frozen=True, slots=True)
class Try:
    """Holds what came of training with one batch size.

    Attributes:
        size: The samples that were asked for.
        key: The value of `data.batch_size`.
        samples: Samples in a batch, on average; None where none was made.
        bytes: Peak memory of the steps: of the whole process on a CPU, of torch's tensors on a GPU.
        rate: Samples a second.
        reason: Why it cannot be trained; None where it can.
        memory: Whether that is for want of memory.
    """

    size: int
    key: int
    samples: float | None = None
    bytes: int | None = None
    rate: float | None = None
    reason: str | None = None
    memory: bool = False


def search(attempt: Callable[[int], Try], most: int | None, within: float) -> list[Try]:
    """Return the tries in their order: sizes double until one does not fit, then the gap is halved.

    Args:
        attempt: Trains with a batch size.
        most: Samples there are, beyond which no size is tried; None where they have no end.
        within: The gap, as a share of the answer, that ends the search; it ends in any case at 1.
    """
    tries, low, high, size = list[Try](), 0, None, 1
    while True:
        tries.append(attempt(size))
        if tries[-1].reason is None:
            low = size
        elif tries[-1].memory or low or size >= SMALLEST:
            high = size
        if high is None and size == most:
            return tries
        if high is not None and (not low or high - low <= max(1.0, within * low)):
            return tries
        size = min(2 * size, most or 2 * size) if high is None else (low + high) // 2


def answer(tries: list[Try]) -> Try | None:
    """Return the largest that fits; None where none does."""
    return max((one for one in tries if one.reason is None), key=lambda one: one.size, default=None)


def tried(job: Job, size: int) -> Try:
    """Train a few steps with batches of `size` samples in a new process, and return what came of it."""
    asked = Try(size, job.key(size))
    context = multiprocessing.get_context("forkserver")  # it loads the libraries once, for all tries
    context.set_forkserver_preload([__name__])
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(job, asked, sender))
    child.start()
    sender.close()
    try:
        found: Try = receiver.recv()
    except EOFError:
        child.join()
        return replace(asked, **_ended(child.exitcode or 0))
    child.join()
    return found


def _ended(status: int) -> dict[str, Any]:
    if status < 0:
        return {"reason": f"the process was ended by {signal.Signals(-status).name}", "memory": True}
    return {"reason": f"the process ended with status {status}"}


def _child(job: Job, asked: Try, sender: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_with(os.getppid(), signal.SIGKILL)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    sender.send(_measured(job, asked))


def _measured(job: Job, asked: Try) -> Try:
    """Train the steps in this process, within the limit."""
    try:
        _limit(job)
        given = [*job.words, f"{KEY}={asked.key}"]
        workload = Selection([job.name], job.scale, job.device, given, job.fast).workload(job.name)
        set_arithmetic(workload.hardware.threads)
        seconds: list[float] = []
        run_steps(workload, replace(STEPS, around=partial(_timed, job.device, seconds)), job.device)
    except (ConfigError, DataError) as error:
        return replace(asked, reason=" ".join(str(error).split()))
    except Exception as error:  # batch normalisation of one sample, for one
        words = " ".join(str(error).split())
        lacks = isinstance(error, MemoryError | torch.OutOfMemoryError) or any(one in words for one in NO_MEMORY)
        reason = "needs more memory" if lacks else f"{type(error).__name__}: {words[:120]}"
        return replace(asked, reason=reason, memory=lacks)
    finally:
        _lift()
    samples = workload.samples(STEPS.warmup, STEPS.count)
    peak = torch.cuda.max_memory_allocated() if job.device == "cuda" else peak_process_memory()
    done = replace(asked, samples=samples / STEPS.count, bytes=peak, rate=samples / seconds[0])
    over = job.device == "cpu" and job.limit is not None and peak > job.limit
    return replace(done, reason="needs more memory", memory=True) if over else done


@contextmanager
def _timed(device: str, seconds: list[float]) -> Iterator[None]:
    with from_here_on(device):
        start = time.perf_counter()
        yield
        seconds.append(time.perf_counter() - start)


def _limit(job: Job) -> None:
    """Let an allocation beyond the limit fail: before the kernel would end other processes for want of memory."""
    if job.limit is None:
        return
    if job.device == "cuda":
        torch.cuda.set_per_process_memory_fraction(
            min(1.0, job.limit / torch.cuda.get_device_properties(0).total_memory)
        )
    elif sys.platform == "linux":
        with suppress(OSError, ValueError):
            resident, data = (_status(name) for name in ("VmRSS", "VmData"))
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(resource.RLIMIT_DATA, (data + max(0, job.limit - resident), hard))


def _lift() -> None:
    """Let this process say what came of it."""
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _status(name: str) -> int:
    """Return a size in bytes that the kernel tells of this process."""
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(f"{name}:"))
