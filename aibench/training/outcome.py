"""What a session measured, as its result; its figure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from aibench import __version__
from aibench.config import RunConfig, plain
from aibench.contract import Facts, TaskData, TaskModule, example_batch
from aibench.meters import account
from aibench.meters import system as meters
from aibench.results.result import (
    Data,
    Division,
    Measured,
    Memory,
    Result,
    Status,
    Target,
    ToQuality,
    Trust,
)
from aibench.training.forecast import kept
from aibench.training.goal import Goal
from aibench.training.recorder import Record
from aibench.training.use import model

if TYPE_CHECKING:
    from aibench.training.session import Session

FIGURE = "figure.png"
UNSTARTED = "the run ended before it measured anything"
RENDERED_SAMPLES = 16
LONGEST_FACT = 20


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ended, and why."""

    status: Status
    message: str | None


def build_result(session: Session, ending: Ending, division: Division | None, started: str) -> Result:
    """The result of a session that ended."""
    recorder, config = session.recorder, session.config
    assert recorder is not None
    record, instruments = recorder.record, session.instruments
    took = account.times(instruments)
    speed = account.throughput(instruments, record, session.data.unit)
    energy = account.energy(instruments, record, took.total)
    return replace(
        unstarted_result(config, ending, started),
        run_id=session.run_id,
        resumed=record.resumed,
        division=division,
        quality=record.history[-1].metrics[config.target.metric] if record.history else None,
        best_quality=record.best,
        to_quality=record.to_quality or ToQuality(None, None, None, None, session.schedule.quantum),
        history=record.history,
        phases=_phases(session, record),
        times=took,
        throughput=speed,
        memory=Memory(
            Measured(float(meters.peak_process_memory()), "B", "peak resident set"), account.peak_device_memory()
        ),
        energy=energy,
        cost=account.cost(config.cost, energy, took.total),
        model=model(session, speed, ended_well=ending.status.finished and ending.status is not Status.diverged),
        data=_data(session),
        trust=instruments.trust(same_work=session.module.uncountable is None),
        estimate=kept(config),
    )


def unstarted_result(config: RunConfig, ending: Ending, started: str) -> Result:
    """The result of a run that ended before it measured anything: a job of a sweep leaves this much at least."""
    goal = Goal.of(config)
    target = Target(goal.metric, str(goal.mode), goal.quality, config.target.origin, goal.missed_first)
    return Result(
        run_id=uuid.uuid4().hex[:12],
        task=config.task,
        scale=config.scale,
        session=str(config.session),
        seed=config.seed,
        status=ending.status,
        message=ending.message,
        started=started,
        resumed=0,
        division=None,
        target=target,
        quality=None,
        best_quality=None,
        to_quality=ToQuality(None, None, None, None, None),
        history=[],
        phases=[],
        times=None,
        throughput=None,
        memory=None,
        energy=account.no_energy(UNSTARTED),
        cost=account.cost(config.cost, account.no_energy(UNSTARTED), None),
        model=None,
        data=None,
        trust=Trust(None, [UNSTARTED]),
        system=meters.system(),
        versions=meters.versions(),
        commit=meters.commit(),
        config=plain(config),
        figure=None,
        suite_version=__version__,
    )


def _phases(session: Session, record: Record) -> list[Any]:
    took = session.instruments.training_seconds()
    for phase in record.phases:
        phase.seconds = took.get(phase.name, 0.0)
    return record.phases


def _data(session: Session) -> Data:
    return Data(
        source=str(session.config.data.source),
        fingerprint=session.data.fingerprint(),
        train=len(session.batches.dataset),
        val=len(session.held_out.dataset) if session.held_out is not None else 0,
        facts=_short(session.data.facts),
    )


def _short(facts: Facts) -> Facts:
    """`facts` with long lists given by their length."""
    return {
        name: f"{len(fact)} entries" if isinstance(fact, list | dict) and len(fact) > LONGEST_FACT else fact
        for name, fact in facts.items()
    }


def draw_figure(module: TaskModule, data: TaskData, folder: Path) -> str | None:
    """Save what the model makes of the first held-out samples; None where the task draws nothing."""
    import matplotlib as mpl

    mpl.use("Agg")
    batch = module.transfer_batch_to_device(example_batch(data, "val", RENDERED_SAMPLES), module.device, 0)
    module.eval()
    try:
        with torch.no_grad():
            figure = module.render(batch)
    except NotImplementedError:
        return None
    figure.savefig(folder / FIGURE, dpi=120, bbox_inches="tight")
    return FIGURE
