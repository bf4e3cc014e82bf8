"""The model of a result: its size, its operations, and how much of the device they used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aibench.composition import registry
from aibench.contract import batch_of
from aibench.meters.ceiling import ceiling, data_sheet
from aibench.meters.operations import Operations, build_of, operations
from aibench.results.result import Measured, Model, Throughput, Use

if TYPE_CHECKING:
    from aibench.training.session import Session

MOST_UNCOUNTED = 12  # operators that a result lists


def model(session: Session, speed: Throughput, *, ended_well: bool) -> Model:
    """What ran. Counted and probed after the session, or taken from the cache: none of it is in the session's time."""
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
    return operations(config, build, batch, samples, session.recorder.optimizers)


def _a_batch(session: Session) -> tuple[Any, int]:
    """The first training batch, on the CPU."""
    batches = session.batches
    indices = batches.plan(0)[0]
    return batch_of(session.data, batches.dataset, indices), len(indices)


def _use(session: Session, step: Measured, speed: Throughput) -> Use:
    config = session.config
    device = "cuda" if session.on_gpu else "cpu"
    samples = speed.samples.value
    if step.value is None or samples is None:
        why = step.reason or speed.samples.reason
        return Use(*(Measured(None, unit, reason=why) for unit in ("1", "1", "FLOP/s", "FLOP/s")))
    best, achieved = ceiling(str(config.hardware.precision), device, config.data.cache), step.value * samples
    if achieved > best.flops:  # probed while the machine was busy with something else
        best = ceiling(str(config.hardware.precision), device, config.data.cache, again=True)
    sheet = data_sheet(best.device, best.precision)
    threads = f" {best.threads} threads," if best.threads else ""
    no_sheet = f"{best.device}: no data sheet listed"
    return Use(
        mfu=Measured(achieved / best.flops, "1", "step FLOPs times samples/s of training, over the measured ceiling"),
        mfu_data_sheet=Measured(None, "1", reason=no_sheet)
        if sheet is None
        else Measured(achieved / sheet, "1", "the same over the data sheet's dense peak"),
        ceiling=Measured(best.flops, "FLOP/s", f"{best.method}, {best.precision},{threads} best of repetitions"),
        data_sheet=Measured(None, "FLOP/s", reason=no_sheet)
        if sheet is None
        else Measured(sheet, "FLOP/s", best.device),
    )
