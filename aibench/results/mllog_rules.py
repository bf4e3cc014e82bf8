"""Writes rule files with which MLPerf's own compliance checker checks a task's log."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import yaml

from aibench.config import Mode, RunConfig
from aibench.config.places import expanded
from aibench.results.result import write_atomically

RULESET = "6.1.0"
COMMON = "common.yaml"


def write_rules(config: RunConfig, folder: Path) -> Path:
    """Write the rules for the logs of `config`'s task: MLPerf's common ones, with the task's own target behind them.

    The checker joins the names of further files with its own folder, where an absolute path wins; so the files
    name each other by absolute paths, and belong to the place where they were written.

    Returns:
        The file to give to `python -m mlperf_logging.compliance_checker --config`.
    """
    folder = expanded(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    common = _stock(COMMON)
    division = next(rule["KEY"] for rule in common if rule.get("KEY", {}).get("NAME") == "submission_division")
    minutes = "240 if v['value'] == 'open' else 30"
    division["POST"] = (
        f" enqueue_config('{folder}/{{}}_common.yaml'.format(v['value'])); s['compile_time_mins'] = {minutes} "
    )
    _write(folder / COMMON, common)
    for name in ("closed", "open"):
        rules = _stock(f"{name}_common.yaml")
        benchmark = next(rule["KEY"] for rule in rules if rule.get("KEY", {}).get("NAME") == "submission_benchmark")
        benchmark["CHECK"] = f" v['value'] in ['{config.task}'] "
        benchmark["POST"] = f" enqueue_config('{folder}/{name}_{config.task}.yaml') "
        _write(folder / f"{name}_common.yaml", rules)
        _write(folder / f"{name}_{config.task}.yaml", _benchmark(config, closed=name == "closed"))
    return folder / COMMON


def _benchmark(config: RunConfig, *, closed: bool) -> list[dict[str, Any]]:
    """Return the rules for one log: it tells seed and batch size, and reaches the target in the closed division."""
    keys: list[dict[str, Any]] = [
        {"NAME": "global_batch_size", "REQ": "EXACTLY_ONE", "CHECK": " v['value'] > 0 "},
        {"NAME": "seed", "REQ": "EXACTLY_ONE", "CHECK": " v['value'] >= 0 "},
    ]
    quality = config.quality if config.quality is not None else config.target.entire
    if closed and quality is not None:
        sign = ">=" if config.target.mode is Mode.max else "<="
        check = f"v['value'] is not None and v['value'] {sign} {quality!r}"
        keys.append({"NAME": "eval_accuracy", "REQ": "AT_LEAST_ONE", "ATLEAST_ONE_CHECK": check})
    return [{"KEY": key} for key in keys]


def _stock(name: str) -> list[dict[str, Any]]:
    spec = importlib.util.find_spec("mlperf_logging")
    assert spec is not None, "mlperf-logging is not installed"
    assert spec.submodule_search_locations, "mlperf-logging is no package"
    path = Path(spec.submodule_search_locations[0], "compliance_checker", f"training_{RULESET}", name)
    rules: list[dict[str, Any]] = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    return rules


def _write(path: Path, rules: list[dict[str, Any]]) -> None:
    write_atomically(path, yaml.safe_dump(rules, sort_keys=False, width=1000))
