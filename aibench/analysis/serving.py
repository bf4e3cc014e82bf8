"""Writes serving sessions as tables: one row a scenario for many sessions, one column a scenario for one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aibench.analysis.grid import NONE, Grid, number
from aibench.results.inference import Inference, Scenario

TAILS = ("p50", "p90", "p95", "p99", "p99.9")
HEADS = ("task", "precision", "scenario", "requests", "a second", "mean ms", *TAILS)
QUALITY = ("quality", "served", "trained", "cold start s", "memory GiB", "J a request", "trust")
LEGEND = (
    "Latencies in ms, of requests from their arrival to their answer; with * there were too few requests for the "
    "percentile to be valid (MLPerf Inference's early-stopping test). a second: requests; of offline, samples. served: "
    "the target's metric, measured again through the path that serves; trained: by the training session, with the same "
    "weights. memory: the process's peak."
)


def record(session: Inference, one: Scenario, label: str | None = None) -> dict[str, Any]:
    """Return a scenario of a session as one flat row of plain values; `label` stands for the task where given."""
    tails = {f"p{tail.percent:g}": tail for tail in one.latencies}
    return {
        "task": label or session.task,
        "precision": session.precision,
        "scenario": one.name,
        "qps": one.qps,
        "saturated": one.saturated,
        "requests": one.requests,
        "batch": one.batch,
        "throughput": one.throughput.value,
        "unit": one.throughput.unit,
        "mean_seconds": one.mean.value,
        **{f"{name}_seconds": tail.seconds for name, tail in tails.items()},
        **{f"{name}_valid": tail.valid for name, tail in tails.items()},
        "metric": session.quality.metric,
        "served": session.quality.served.value,
        "trained": session.quality.trained,
        "cold_start": session.cold_start.value,
        "memory": session.process_memory.value,
        "energy": one.energy_per_request.value,
        "energy_reason": one.energy_per_request.reason,
        "trust": session.trust.level,
        "trust_reasons": "; ".join(session.trust.reasons),
    }


def cells(row: dict[str, Any]) -> list[str]:
    """Return a row as text, under `HEADS` and `QUALITY`."""
    asked = f"{row['requests']:,}" + (f" x {row['batch']}" if row["batch"] > 1 else "")
    named = row["scenario"] + (f" at {row['qps']:g} qps" if row["qps"] is not None else "")
    named += " SATURATED" if row["saturated"] else ""
    memory = None if row["memory"] is None else row["memory"] / 2**30
    return [
        *(row["task"], row["precision"], named, asked, number(row["throughput"]), _milliseconds(row["mean_seconds"])),
        *(_milliseconds(row.get(f"{tail}_seconds"), valid=row.get(f"{tail}_valid", True)) for tail in TAILS),
        *(row["metric"].removeprefix("val/"), number(row["served"]), number(row["trained"])),
        *(number(row["cold_start"]), number(memory), number(row["energy"]), row["trust"] or NONE),
    ]


def _milliseconds(seconds: float | None, *, valid: bool = True) -> str:
    return NONE if seconds is None else number(1000 * seconds) + ("" if valid else " *")


def table(sessions: Iterable[tuple[str | None, Inference]]) -> Grid | None:
    """Return a table with a row for each scenario of `sessions`, each with its label; None where there is none."""
    rows = [record(session, one, label) for label, session in sessions for one in session.scenarios]
    if not rows:
        return None
    reasons = dict.fromkeys(row["energy_reason"] for row in rows if row["energy_reason"])
    notes = [
        f"{row['task']}, {row['scenario']}: the queue grew past its bound, or fewer were answered than came."
        for row in rows
        if row["saturated"]
    ]
    notes += [f"no energy: {reason}" for reason in reasons]
    return Grid("Serving", (*HEADS, *QUALITY), [cells(row) for row in rows], 3, LEGEND, notes, rows)


def turned(session: Inference) -> Grid:
    """Return a table of one session with a column for each scenario, which fits a narrow terminal."""
    rows = [record(session, one) for one in session.scenarios]
    columns = [cells(row) for row in rows]
    shown = (*HEADS[3:], "J a request")
    heads = (*HEADS, *QUALITY)
    return Grid(
        title=f"{session.task}, scale {session.scale}: {session.weights} weights, {session.precision}",
        heads=("", *(column[HEADS.index("scenario")] for column in columns)),
        rows=[[head, *(column[heads.index(head)] for column in columns)] for head in shown],
    )
