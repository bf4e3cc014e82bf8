"""Builds the result of a session that ended, and its figure."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from aibench import __version__
from aibench.composition import registry
from aibench.config import Accelerator, Mode, RunConfig, plain
from aibench.contract import Facts, TaskData, TaskModule, batch_of, example_batch
from aibench.meters import account
from aibench.meters import system as meters
from aibench.meters.ceiling import ceiling, data_sheet
from aibench.meters.operations import Operations, build_of, operations
from aibench.results.crossing import crossings
from aibench.results.data import Published
from aibench.results.division import Rules, division, on_data
from aibench.results.estimates import kept
from aibench.results.folder import FIGURE
from aibench.results.made import making
from aibench.results.result import (
    Crossings,
    Data,
    Division,
    HeldOut,
    Measured,
    Memory,
    Model,
    Result,
    Target,
    Throughput,
    ToQuality,
    Trust,
    Use,
)
from aibench.training.ending import Ending
from aibench.training.goal import Goal
from aibench.training.parting import consumed, judged_together, trusted, world_of
from aibench.training.record import Record

if TYPE_CHECKING:
    from aibench.training.session import Session

UNSTARTED = "the run ended before it measured anything"
SALVAGED = "not summed up: the run broke off"
RENDERED_SAMPLES = 16
LONGEST_FACT = 20
MOST_UNCOUNTED = 12  # operators that a result lists


def build_result(session: Session, ending: Ending, rules: Rules | None, started: str) -> Result:
    """Return the result of a session that ended."""
    recorder, config = session.recorder, session.config
    assert recorder is not None
    record, instruments = recorder.record, session.instruments
    took = account.times(instruments)
    speed = account.throughput(instruments, took, record.phases, session.data.unit)
    whole = salvaged(session, ending, rules, started)
    if ending.status.usable:
        whole.held_out = judged_together(session)
    energy = account.energy(consumed(session), record.phases, took.total, config.hardware.idle_seconds)
    return replace(
        whole,
        phases=_phases(session, record),
        times=took,
        throughput=speed,
        memory=_memory(session),
        energy=energy,
        cost=account.cost(config.cost, energy, took.total),
        model=model(session, speed, ended_well=ending.status.usable),
        data=replace(_data(session), test=_tested(session, whole.held_out)),
        trust=trusted(instruments.trust(same_work=session.module.uncountable is None), session.rows),
        estimate=kept(config),
        world=world_of(session),
        ranks=session.rows,
    )


def salvaged(session: Session, ending: Ending, rules: Rules | None, started: str) -> Result:
    """Return the history alone: all that is certain of a session whose whole result cannot be made."""
    config, record = session.config, session.recorder.record if session.recorder is not None else Record()
    return replace(
        unstarted_result(config, ending, started, SALVAGED if record.history else UNSTARTED),
        run_id=session.run_id,
        resumed=record.resumed,
        division=None if rules is None else _division(session, rules),
        quality=record.history[-1].metrics[config.target.metric] if record.history else None,
        best_quality=record.best,
        to_quality=record.to_quality or ToQuality(None, None, None, None, session.schedule.quantum),
        history=record.history,
        parts=record.parts,
        crossings=_crossings(session, record),
        world=world_of(session),
    )


def _division(session: Session, rules: Rules) -> Division:
    return on_data(division(plain(session.config), rules, session.files), rules, _data(session))


def _crossings(session: Session, record: Record) -> Crossings:
    goal = session.goal
    points = [(row.epochs, row.metrics[goal.metric]) for row in record.history]
    return crossings(points, goal.quality, higher=goal.mode is Mode.max, missed_first=goal.missed_first)


def _system(config: RunConfig) -> dict[str, Any]:
    found = meters.system(on_cpu=config.hardware.accelerator is Accelerator.cpu)
    if found["accelerators"]["used"] and isinstance(config.hardware.devices, int):
        found["accelerators"]["used"] = config.hardware.devices
    return found


def unstarted_result(config: RunConfig, ending: Ending, started: str, reason: str = UNSTARTED) -> Result:
    """Return the result of a run that ended before it measured anything, which every job of a sweep leaves."""
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
        energy=account.no_energy(reason),
        cost=account.cost(config.cost, account.no_energy(reason), None),
        model=None,
        data=None,
        trust=Trust(None, [reason]),
        system=_system(config),
        versions=meters.versions(),
        commit=meters.commit(),
        config=plain(config),
        figure=None,
        suite_version=__version__,
    )


def _memory(session: Session) -> Memory:
    """Return the peaks; of several processes those of the one that needed most."""
    process = Measured(float(meters.peak_process_memory()), "B", "peak resident set")
    device = account.peak_device_memory()
    most = {"key": lambda one: one.value or 0.0}
    return Memory(
        max([process, *(row.process_memory for row in session.rows)], **most),
        max([device, *(row.device_memory for row in session.rows)], **most),
    )


def _phases(session: Session, record: Record) -> list[Any]:
    took = session.instruments.training_seconds()
    for phase in record.phases:
        phase.seconds = took.get(phase.name, 0.0)
    return record.phases


def _data(session: Session) -> Data:
    return Data(
        source=str(session.config.data.source),
        fingerprint=session.fingerprint,
        train=len(session.batches.dataset),
        val=len(session.held_out.dataset) if session.held_out is not None else 0,
        facts=_short(session.data.facts),
        published=_published(session),
    )


def _tested(session: Session, held_out: HeldOut | None) -> int:
    """Return the number of samples that were judged as the test part."""
    was_judged = held_out is not None and held_out.test.value is not None
    return len(session.data.dataset("test")) if was_judged else 0


def _published(session: Session) -> Published | None:
    found = session.published
    return None if found is None else Published(found.name, found.known_by, found.differences)


def _short(facts: Facts) -> Facts:
    """Return `facts` with long lists given by their length."""
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
    figure.savefig(making(folder / FIGURE), dpi=120, bbox_inches="tight")
    return FIGURE


def model(session: Session, speed: Throughput, *, ended_well: bool) -> Model:
    """Return what ran, counted after the session or taken from the cache: none of it is in the session's time."""
    parameters = list(session.module.parameters())
    counted = _counted(session) if ended_well else Operations(None, None, reason="not counted: the run broke off")
    forward = Measured(
        counted.forward, "FLOP/sample", counted.method, counted.reason if counted.forward is None else None
    )
    step = Measured(counted.step, "FLOP/sample", counted.method, counted.reason if counted.step is None else None)
    return Model(
        parameters=sum(weight.numel() for weight in parameters),
        trainable=sum(weight.numel() for weight in parameters if weight.requires_grad),
        flops=forward,
        step_flops=step,
        uncounted=dict(list(counted.uncounted.items())[:MOST_UNCOUNTED]),
        use=_use(session, step, speed),
        initialisation=session.module.initialisation,
    )


def _counted(session: Session) -> Operations:
    module, config = session.module, session.config
    if module.uncountable is not None:
        return Operations(None, None, reason=module.uncountable)
    if session.recorder is None or session.recorder.record.steps == 0:
        return Operations(None, None, reason="no step was made")
    build = build_of(registry.module_class(config.task), config, session.data.facts)
    batch, samples = _a_batch(session)
    return operations(config, build, batch, samples)


def _a_batch(session: Session) -> tuple[Any, int]:
    """Return the first training batch, on the CPU, and its number of samples."""
    batches = session.batches
    indices = batches.plan(0)[0]
    return batch_of(session.data, batches.dataset, indices), len(indices)


def _of_each(size: int) -> str:
    return "" if size == 1 else f" of each of {size} devices"


def _use(session: Session, step: Measured, speed: Throughput) -> Use:
    config = session.config
    device = "cuda" if session.on_gpu else "cpu"
    samples = speed.samples.value
    if step.value is None or samples is None:
        why = step.reason or speed.samples.reason
        return Use(*(Measured(None, unit, reason=why) for unit in ("1", "1", "FLOP/s", "FLOP/s")))
    size = session.ranks.size
    best, achieved = ceiling(str(config.hardware.precision), device, config.data.cache), step.value * samples / size
    if achieved > best.flops:  # probed while the machine was busy with something else
        best = ceiling(str(config.hardware.precision), device, config.data.cache, again=True)
    sheet = data_sheet(best.device, best.precision)
    threads = f" {best.threads} threads," if best.threads else ""
    no_sheet = f"{best.device}: no data sheet listed"
    return Use(
        mfu=Measured(
            achieved / best.flops,
            "1",
            f"step FLOPs times samples/s of training{_of_each(size)}, over the measured ceiling",
        ),
        mfu_data_sheet=Measured(None, "1", reason=no_sheet)
        if sheet is None
        else Measured(achieved / sheet, "1", "the same over the data sheet's dense peak"),
        ceiling=Measured(best.flops, "FLOP/s", f"{best.method}, {best.precision},{threads} best of repetitions"),
        data_sheet=Measured(None, "FLOP/s", reason=no_sheet)
        if sheet is None
        else Measured(sheet, "FLOP/s", best.device),
    )
