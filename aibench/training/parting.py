"""Does what several processes do together at the end: judge, tell what each measured, and part."""

from __future__ import annotations

import os
import platform
import re
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import torch
import torch.distributed as dist

from aibench.meters import account
from aibench.meters import system as meters
from aibench.meters.counted import Counted, machine, together
from aibench.meters.instruments import WARM_UP, Instruments
from aibench.results.result import HeldOut, Measured, Rank, Trust, World
from aibench.training.communication import Communication
from aibench.training.held_out import judged

if TYPE_CHECKING:
    from aibench.training.session import Session

UNTOLD = "the run broke off before its other processes told what they counted"


def judged_together(session: Session) -> HeldOut | None:
    """Judge the test part with the other processes, tell the first one what each has measured, and part."""
    found, ranks = judged(session), session.ranks
    if ranks.size > 1:
        _tell_processors(session)
        told = ranks.gathered((own_row(session), account.counted(session.instruments)))
        session.rows = [row for row, _ in told]
        session.counted = [counted for _, counted in told]
    ranks.outlast_the_first()
    session.ranks.end()
    return found


def _tell_processors(session: Session) -> None:
    """Let each process know what the others of its machine used of the processors: it is nobody else's."""
    watch, here = session.instruments.watch, machine()
    told = session.ranks.gathered((here, os.getpid(), watch.used()))
    peers = {pid: used for where, pid, used in told if where == here and pid != os.getpid()}
    watch.beside(sum(peers.values()), set(peers))


def consumed(session: Session) -> Counted:
    """Return what the sensors of all machines counted; this process's own where the others did not tell."""
    world, own = session.ranks.world, account.counted(session.instruments)
    if world.size == 1 or session.counted:
        return together(session.counted or [own])
    if world.nodes == 1 and (not session.on_gpu or len(own.sources) >= world.local_size):
        return own
    return replace(own, sources=[], faults=[UNTOLD])


def trusted(own: Trust, rows: list[Rank]) -> Trust:
    """Return how far the timings of all processes can be believed: a device that is slow slows all of them.

    A reason that the first process has too, whatever the numbers in it, is told once; so is one of several others.
    """
    known = {_kind(reason) for reason in own.reasons}
    found: dict[str, tuple[str, list[int]]] = {}
    for row in rows[1:]:
        for reason in row.trust.reasons:
            if _kind(reason) not in known:
                found.setdefault(_kind(reason), (reason, []))[1].append(row.rank)
    others = [f"rank{'s' * (len(who) > 1)} {', '.join(map(str, who))}: {reason}" for reason, who in found.values()]
    return Trust("warn", [*own.reasons, *others]) if others else own


def _kind(reason: str) -> str:
    return re.sub(r"[\d.]+", "#", reason)


def own_row(session: Session) -> Rank:
    """Return what this process measured; the first one gathers the rows of all."""
    instruments, world = session.instruments, session.ranks.world
    steps, _ = instruments.steady()
    samples, recorder = session.batches.own_samples, session.recorder
    seconds = sum(took for phase, took in instruments.own_seconds().items() if phase != WARM_UP)
    return Rank(
        rank=world.rank,
        host=socket.gethostname(),
        device=_device(session.on_gpu),
        samples=samples,
        throughput=Measured(samples / seconds, "samples/s", "own samples / own seconds of training")
        if samples and seconds > 0
        else Measured(None, "samples/s", reason="no step was timed"),
        steps=steps,
        split=account.split(instruments, of_the_run=False),
        process_memory=Measured(float(meters.peak_process_memory()), "B", "peak resident set"),
        device_memory=account.peak_device_memory(),
        joules=_joules(instruments),
        trust=instruments.trust(same_work=session.module.uncountable is None),
        communication=recorder.communication.seconds if recorder is not None else None,
    )


def _device(on_gpu: bool) -> str:
    if not on_gpu:
        return "cpu"
    card = torch.cuda.get_device_properties(torch.cuda.current_device())
    return f"{card.name} GPU-{card.uuid}"


def _joules(instruments: Instruments) -> Measured:
    """Return the energy of this process's GPU, where it reads the sensor itself."""
    place = instruments.world.local_rank
    found = instruments.energy_so_far()
    own = found.get(f"gpu{place}", found.get("gpu"))
    if own is None:
        return Measured(None, "J", reason="no sensor of this process tells its device apart")
    return Measured(own, "J", "the sensor of its GPU")


def world_of(session: Session) -> World | None:
    """Return what all processes were together; None of a run on one device."""
    ranks, hardware = session.ranks, session.config.hardware
    if ranks.size == 1:
        return None
    world, rows = ranks.world, session.rows
    batch = session.data.config.data.batch_size
    cost = session.recorder.communication if session.recorder is not None else Communication()
    waits = exposed(rows)
    gradients = sum(each.numel() * each.element_size() for each in session.module.parameters() if each.requires_grad)
    return World(
        devices=world.local_size,
        nodes=world.nodes,
        strategy=session.strategy,
        scaling=str(hardware.scaling),
        starter=world.starter or "the run",
        backend=_backend(session.on_gpu),
        hosts=list(dict.fromkeys(row.host for row in rows)) or [socket.gethostname()],
        link=_link(session.on_gpu, world.local_size, world.nodes),
        global_batch=batch,
        batch_per_device=batch / world.size,
        sync_batchnorm=hardware.sync_batchnorm,
        gradient_bytes=gradients,
        communication=cost.seconds if waits is None else waits,
        bus_bandwidth=cost.bandwidth,
        imbalance=imbalance(rows),
    )


def exposed(rows: list[Rank]) -> Measured | None:
    """Return the mean over the ranks of the seconds of a step that each waited; None where one did not tell."""
    found = [row.communication for row in rows if row.communication is not None and row.communication.value is not None]
    if not rows or len(found) < len(rows):
        return None
    return Measured(
        sum(one.value or 0.0 for one in found) / len(found), "s", f"mean over the ranks of: {found[0].method}"
    )


def imbalance(rows: list[Rank]) -> Measured:
    """Return 1 - mean over the ranks of the time of a step's own work / that of the slowest one.

    Waiting for the others' gradients is part of the backward pass, so that of the faster ranks it hides: what is
    compared is the time before it.
    """
    seconds = [row.split.data + row.split.transfer + row.split.forward for row in rows]
    if not seconds or max(seconds) <= 0:
        return Measured(None, "1", reason="the processes did not tell: the run broke off")
    return Measured(
        1 - sum(seconds) / len(seconds) / max(seconds), "1", "of the seconds before the backward pass, rank by rank"
    )


def _backend(on_gpu: bool) -> str:
    if on_gpu and dist.is_nccl_available():
        version: tuple[int, ...] = torch.cuda.nccl.version()  # type: ignore[no-untyped-call]
        return f"nccl {'.'.join(map(str, version))}"
    return f"gloo of torch {torch.__version__}"


def _link(on_gpu: bool, local: int, nodes: int) -> str:
    within = "shared memory and loopback" if not on_gpu else _between_gpus(local)
    speeds = [stats.speed for name, stats in psutil.net_if_stats().items() if stats.isup and name != "lo"]
    fastest = f"{max(speeds) / 1000:g} Gb/s" if speeds and max(speeds) else "of unknown speed"
    return within if nodes == 1 else f"{within}; between {platform.system()} machines network {fastest}"


def _between_gpus(count: int) -> str:
    """Return NVLink where NVML says that the first GPU has an active one, else PCIe."""
    if count == 1:
        return "one GPU in each machine"
    import pynvml

    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        return "NVLink" if pynvml.nvmlDeviceGetNvLinkState(handle, 0) else "PCIe"
    except pynvml.NVMLError:
        return "PCIe"
