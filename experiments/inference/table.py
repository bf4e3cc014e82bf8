"""One table of many serving sessions, from their files.

python experiments/inference/table.py INFERENCE.JSON... --markdown FILE --csv FILE
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from aibench.analysis.grid import NONE, Grid, number
from aibench.results.inference import Inference, Scenario, read_inference

TAILS = (50.0, 90.0, 95.0, 99.0, 99.9)
HEADS = ("task", "scenario", "requests", "a second", "mean ms", *(f"p{tail:g}" for tail in TAILS))
QUALITY = ("quality", "served", "trained", "cold start s", "memory GiB", "J a request", "trust")
LEGEND = (
    "Latencies in ms, of requests from their arrival to their answer; with * there were too few requests for the "
    "percentile to be valid (MLPerf Inference's early-stopping test). a second: requests; of offline, samples. served: "
    "the target's metric, measured again through the path that serves; trained: by the training session, with the same "
    "weights. memory: the process's peak."
)


def record(session: Inference, one: Scenario) -> dict[str, Any]:
    """A scenario as one flat row."""
    tails = {f"p{tail.percent:g}": tail for tail in one.latencies}
    return {
        "task": session.task,
        "precision": session.precision,
        "scenario": one.name,
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
    """The row as text."""
    asked = f"{row['requests']:,}" + (f" x {row['batch']}" if row["batch"] > 1 else "")
    tails = [_tail(row, f"p{tail:g}") for tail in TAILS]
    memory = None if row["memory"] is None else row["memory"] / 2**30
    mean = None if row["mean_seconds"] is None else 1000 * row["mean_seconds"]
    return [
        *(row["task"], row["scenario"], asked, number(row["throughput"]), number(mean), *tails),
        *(row["metric"].removeprefix("val/"), number(row["served"]), number(row["trained"])),
        *(number(row["cold_start"]), number(memory), number(row["energy"]), row["trust"]),
    ]


def _tail(row: dict[str, Any], name: str) -> str:
    seconds = row.get(f"{name}_seconds")
    return NONE if seconds is None else number(1000 * seconds) + ("" if row[f"{name}_valid"] else " *")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--markdown", type=Path, required=True)
    parser.add_argument("--csv", type=Path, required=True)
    words = parser.parse_args()
    records = [record(session, one) for session in map(read_inference, words.files) for one in session.scenarios]
    reasons = dict.fromkeys(row["energy_reason"] for row in records if row["energy_reason"])
    notes = [f"no energy: {reason}" for reason in reasons]
    grid = Grid("Serving", (*HEADS, *QUALITY), [cells(row) for row in records], 2, LEGEND, notes, records)
    words.markdown.write_text(grid.markdown(), encoding="utf-8")
    grid.write_csv(words.csv)


if __name__ == "__main__":
    main()
