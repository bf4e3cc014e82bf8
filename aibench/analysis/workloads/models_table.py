"""Tabulates the characteristics of all models, also as the file that `aibench subset --characteristics` reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aibench.analysis.grid import Grid, number
from aibench.results.record import Record

Epochs = Mapping[tuple[str, str], tuple[float | None, int]]


def models(records: Sequence[Record], epochs: Epochs) -> Grid:
    """Return a table with a row for each record with characteristics."""
    known = [record for record in records if record.characteristics]
    plain = [_plain(record, epochs) for record in known]
    return Grid(
        "Model characteristics",
        [
            *("workload", "scale", "sample", "M parameters", "trained", "embedded", "M MACs", "by fvcore", "M FLOPs"),
            *("M FLOPs, step/sample", "MB a step", "FLOP/byte", "bound by", "MB at batch", "epochs"),
        ],
        [_row(record, one) for record, one in zip(known, plain, strict=True)],
        names=3,
        legend=(
            "MACs: multiply-adds of one sample's forward pass by FlopCounterMode; by fvcore: its count over that. "
            "FLOPs are twice the MACs. A step's bytes are a lower bound, so that FLOP/byte is an upper one. MB at "
            "batch: the largest measured peak of training steps above an idle process, at that many samples; ~ is "
            "estimated from shapes. Epochs: mean to quality, of the runs in brackets."
        ),
        notes=list(_notes(known)),
        records=plain,
    )


def _row(record: Record, one: dict[str, Any]) -> list[str]:
    found = record.characteristics or {}
    epochs = f"{one['epochs']:.3g} ({one['runs']})" if one["epochs"] is not None else "-"
    return [
        record.name,
        record.scale,
        str(found["sample"]),
        *(_million(one[name]) for name in ("parameters", "trainable", "embedding", "macs_forward")),
        number(one["fvcore_ratio"]),
        *(_million(one[name]) for name in ("flops_forward", "flops_step_per_sample", "bytes_step")),
        number(one["intensity"]),
        one["bound_by"] or "-",
        _memory(found),
        epochs,
    ]


def _plain(record: Record, epochs: Epochs) -> dict[str, Any]:
    found = record.characteristics or {}
    roof, sizes = found.get("roofline") or {}, found["parameters"]
    mean, runs = epochs.get((record.name, record.scale), (None, 0))
    return {
        "task": record.name,
        "scale": record.scale,
        "suite": record.suite,
        "parameters": sizes["total"],
        "trainable": sizes["trainable"],
        "embedding": sizes["embedding"],
        "macs_forward": found["forward"]["macs"],
        "flops_forward": found["forward"]["flops"],
        "fvcore_ratio": found["second_count"].get("ratio"),
        "flops_step_per_sample": found["step"]["flops_per_sample"],
        "batch_size": found["batch_size"],
        "bytes_step": (found.get("bytes") or {}).get("total"),
        "intensity": roof.get("intensity"),
        "bound_by": roof.get("bound_by"),
        "attainable_flops": roof.get("attainable"),
        "epochs": mean,
        "runs": runs,
    }


def _memory(found: dict[str, Any]) -> str:
    rows = found["memory"]["measured"]
    known = [row for row in rows if row["bytes"] is not None]
    if known:
        return f"{_million(known[-1]['bytes'])} at {known[-1]['batch']}"
    estimate = [row for row in rows if row.get("estimate")]
    return f"~{_million(estimate[0]['estimate'])} at {estimate[0]['batch']}" if estimate else "-"


def _million(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e6:,.4g}"


def _notes(records: Sequence[Record]) -> list[str]:
    notes = []
    for record in records:
        found = record.characteristics or {}
        ratio, varying = found["second_count"].get("ratio"), found.get("varying")
        if ratio is None:
            notes.append(f"{record.name}, {record.scale}: not counted by fvcore: {found['second_count'].get('reason')}")
        elif abs(ratio - 1) > 1e-9:
            notes.append(f"{record.name}, {record.scale}: fvcore counts {ratio:.6g} of what FlopCounterMode does")
        if varying and varying.get("steps"):
            notes.append(
                f"{record.name}, {record.scale}: {found['step']['reason']}; {varying['steps']} steps took "
                f"{_million(varying['least'])}, in the median {_million(varying['median'])}, at most "
                f"{_million(varying['most'])} M FLOPs a sample"
            )
        elif found["step"]["reason"]:
            notes.append(f"{record.name}, {record.scale}: step not counted: {found['step']['reason']}")
    return notes


def uncounted(records: Sequence[Record]) -> Grid:
    """Return a table of a step's operators without a formula, with calls and, where known, their share of the time."""
    rows, plain = [], []
    for record in records:
        step = (record.characteristics or {}).get("step") or {}
        calls: dict[str, int] = step.get("uncounted") or {}
        if not calls:
            continue
        share = uncounted_share(record)
        most = sorted(calls, key=lambda name: -calls[name])[:5]
        listed = ", ".join(f"{name.removeprefix('aten.')} {calls[name]:,}" for name in most)
        rows.append([record.name, record.scale, listed, f"{sum(calls.values()):,}", number(share and 100 * share)])
        plain += [
            {"task": record.name, "scale": record.scale, "operator": name, "calls": count, "share_of_all": share}
            for name, count in calls.items()
        ]
    return Grid(
        "Operators without a formula, in one training step",
        ["workload", "scale", "most called", "calls", "% of time"],
        rows,
        names=3,
        legend="The share of time is that of all categories of the profile but products, convolutions, recurrent "
        "layers and attention; - where the record has no profile.",
        records=plain,
    )


COUNTED = ("convolution", "gemm", "recurrent", "attention")


def uncounted_share(record: Record) -> float | None:
    """Return the share of a step's time in categories without a formula; None without a profile."""
    categories = (record.profile or {}).get("categories")
    if not isinstance(categories, dict):
        return None
    shares = {name: one["share"] if isinstance(one, dict) else one for name, one in categories.items()}
    try:
        total = float(sum(shares.values()))
        return sum(value for name, value in shares.items() if name.lower() not in COUNTED) / total if total else None
    except TypeError:
        return None
