"""Runs `aibench system`: describes this machine."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from aibench.commands.console import say


def system(
    mlperf: Annotated[bool, typer.Option("--mlperf", help="MLPerf's 33 fields, as JSON.")] = False,
    probe: Annotated[bool, typer.Option("--probe", help="Measure the ceilings of the arithmetic too.")] = False,
) -> None:
    """Describe this machine, in the form of the paper's Table 4."""
    from aibench.meters.description import description, mlperf_system

    if mlperf:
        say(json.dumps(mlperf_system(), indent=1))
        return
    rows = description()
    if probe:
        rows.update(_ceilings())
    width = max(map(len, rows))
    for name, value in rows.items():
        say(f"{name:<{width}}  {value}")


def _ceilings() -> dict[str, str]:
    import torch

    from aibench.config import default_cache
    from aibench.meters.ceiling import ceiling, data_sheet
    from aibench.meters.system import set_arithmetic

    device = "cuda" if torch.cuda.is_available() else "cpu"
    set_arithmetic()
    rows = {}
    for precision in ("fp32", "bf16", *(("tf32", "fp16") if device == "cuda" else ())):
        found = ceiling(precision, device, default_cache(), again=True)
        sheet = data_sheet(found.device, precision)
        listed = f"; data sheet {sheet / 1e12:,.0f} TFLOP/s" if sheet else ""
        rows[f"ceiling, {precision}"] = f"{found.flops / 1e9:,.0f} GFLOP/s ({found.method}){listed}"
        rows["copy, read and write"] = f"{found.bandwidth / 1e9:,.1f} GB/s"
    return rows
