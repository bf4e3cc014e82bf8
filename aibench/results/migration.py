"""Brings results of an older schema to the present one: what it did not measure is null with that reason."""

from __future__ import annotations

import json
from typing import Any

NOT_MEASURED = "not measured by the version of the suite that wrote this"


def upgraded(raw: bytes) -> dict[str, Any] | None:
    """Return the content of a result of an older schema, as the present one has it; None where `raw` is no such."""
    try:
        result = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(result, dict) or "run_id" not in result:
        return None
    steps = (_from_first, _from_second, _from_third)
    version = _version(result)
    older = steps[version - 1 :] if 1 <= version <= len(steps) else ()
    for step in older:
        result = step(result)
    return result if older else None


def _version(result: dict[str, Any]) -> int:
    version = result.get("schema_version")
    return version if type(version) is int else 0


def _from_second(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "crossings": None, "held_out": None, "schema_version": 3}


def _from_third(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "world": None, "ranks": [], "schema_version": 4}


def _from_first(result: dict[str, Any]) -> dict[str, Any]:
    if times := result.get("times"):
        times["split"] = None
        times.setdefault("other", times["total"] - sum(times[part] for part in _NAMED))  # not named at first
    for phase in result.get("phases") or []:
        phase["units"] = phase["samples"]
    if result.get("throughput"):
        steps = {"count": 0, "left_out": 0, "median": None, "p10": None, "p90": None, "phase": "training"}
        result["throughput"].update(samples={**result["throughput"]["training"], "unit": "samples/s"}, steps=steps)
    if result.get("model"):
        model = result["model"]
        model.pop("mfu", None)
        use = {name: _null(unit) for name, unit in _USE.items()}
        model.update(step_flops=_null("FLOP/sample"), uncounted={}, use=use)
    result["energy"] = {name: _null(unit) for name, unit in _ENERGY.items()}
    result["cost"] = {"energy": _null("currency"), "time": _null("currency"), "carbon": _null("gCO2e")}
    return {**result, "estimate": None, "schema_version": 2}


_NAMED = ("setup", "training", "evaluation", "checkpoint")
_USE = {"mfu": "1", "mfu_data_sheet": "1", "ceiling": "FLOP/s", "data_sheet": "FLOP/s"}
_ENERGY = {"total": "J", "to_quality": "J", "idle": "J", "above_idle": "J", "per_sample": "J/sample"}


def _null(unit: str) -> dict[str, Any]:
    return {"value": None, "unit": unit, "method": None, "reason": NOT_MEASURED}
