"""Writes the tables of the texts anew from the files that they come from: no number in them is typed.

    python experiments/texts.py [--check] [TEXT ...]

In a text, what stands between `<!-- from: SOURCE -->` and `<!-- end -->` is generated. SOURCE is a Markdown file of the
repository, which a study's command wrote, or the name of a table below; `calibration TASK` is the table of the runs
that a miniature's target was calibrated with. `--check` writes nothing and exits with 1 where a text differs.
`make texts` writes all texts; `make studies` and `make coverage` do so at their end.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aibench.analysis.calibration import Needed
    from aibench.results.result import Result

ROOT = Path(__file__).parents[1]
STUDIES = ROOT / "experiments"
SIZES = STUDIES / "model_characteristics" / "characteristics.csv"
VARIATION = STUDIES / "run_to_run_variation" / "table.csv"
REPRODUCED = STUDIES / "paper" / "table.csv"
CALIBRATIONS = STUDIES / "calibration" / "results"
PART = re.compile(r"(<!-- from: (?P<source>[^\n]+?) -->\n).*?(<!-- end -->)", re.DOTALL)
SCALES = ("mini", "reference")


def texts() -> list[Path]:
    """Return the texts that have such a part."""
    found = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("experiments/**/README.md")]
    return sorted(path for path in found if PART.search(path.read_text(encoding="utf-8")))


def renewed(text: str) -> str:
    """Return `text` with each part as its source has it now."""
    return PART.sub(lambda part: f"{part[1]}\n{_content(part['source'])}\n\n{part[3]}", text)


def _content(source: str) -> str:
    if source.startswith("calibration "):
        return calibration(source.removeprefix("calibration "))
    made = TABLES.get(source)
    return made() if made is not None else (ROOT / source).read_text(encoding="utf-8").strip()


def sizes() -> str:
    """Return the table of each task's parameters and multiply-adds, from the records of its models."""
    known = {(row["task"], row["scale"]): row for row in _rows(SIZES)}
    heads = [f"{what}: {scale}" for what in ("parameters", "multiply-adds of a sample") for scale in SCALES]
    rows = []
    for task in _tasks():
        models = [known.get((task, scale), {}) for scale in SCALES]
        varying = [not model.get("flops_step_per_sample") for model in models]
        counted = [
            "varies" if varies else _short(model.get("macs_forward"))
            for model, varies in zip(models, varying, strict=True)
        ]
        rows.append([task, *(_short(model.get("parameters")) for model in models), *counted])
    return _table(["task", *heads], rows)


def targets() -> str:
    """Return the table of the targets, from `conf/`, with what they take, from the variation study."""
    from aibench.composition.compose import suite_config

    study = {row["task"]: row for row in _rows(VARIATION) if row["scale"] == "mini" and row["session"] == "entire"}
    heads = [f"{scale}: {quality}" for scale in reversed(SCALES) for quality in ("entire", "quasi-entire")]
    rows = []
    for task in _tasks():
        wanted = [suite_config(task, scale).target for scale in reversed(SCALES)]
        less = " (less is better)" if str(wanted[0].mode) == "min" else ""
        qualities = [value for target in wanted for value in (target.entire, target.quasi_entire)]
        rows.append([f"{task}{less}", *("none" if value is None else f"{value:g}" for value in qualities)])
        rows[-1] += _taken(study.get(task) if _is_of_today(task, wanted[1].entire) else None)
    return _table(["task", *heads, "runs", "epochs", "CV of epochs", "seconds"], rows)


def _is_of_today(task: str, quality: float | None) -> bool:
    """Return whether the study's runs of the miniature have its target and its samples of today."""
    from aibench.composition import registry
    from aibench.results.result import read_result

    runs = [read_result(path) for path in (VARIATION.parent / "results").glob(f"{task}_seed*.json")]
    samples = registry.fingerprint(task)
    return all(run.target.quality == quality and run.data and run.data.fingerprint == samples for run in runs)


def reproduced() -> str:
    """Return how many of the paper's qualities every run of a reference reached, in the study of them."""
    good: dict[str, list[str]] = {}
    for row in _rows(REPRODUCED):
        if row["data"] and row["division"] == "closed" and row["reached"] == row["runs"]:
            taken = f"{row['runs']} of {row['runs']} seeds, {float(row['epochs_mean']):.3g} epochs on average"
            good.setdefault(row["task"], []).append(f"{row['paper']} on {row['data']}, {taken}")
    tasks = [f"[{task}](docs/tasks/{task}.md) ({'; '.join(lines)})" for task, lines in good.items()]
    return f"**{len(good)} of the paper's seventeen qualities reproduced here**: {', '.join(tasks) or 'none'}."


def _taken(row: dict[str, str] | None) -> list[str]:
    if row is None or not row["epochs_mean"]:
        return ["-"] * 4
    cv = f"{100 * float(row['cv']):.1f} %" if row["cv"] else "-"
    return [
        f"{row['converged']}/{row['runs']}",
        f"{float(row['epochs_mean']):.3g}",
        cv,
        f"{float(row['seconds_mean']):.0f}",
    ]


def calibration(task: str) -> str:
    """Return the table of what each seed took in the calibration of `task`, from its stored runs."""
    from aibench.composition.compose import suite_config

    target, runs = suite_config(task, "mini").target, calibrated(task)
    rows = []
    for run, found in zip(runs, needs(runs, target.entire), strict=True):
        took = ["-", "-"] if found is None else [f"{found.epochs:.3g}", str(found.evaluations)]
        rows.append([str(run.seed), *took, f"{run.quality:.4g}", _of_the_test_part(run)])
    head = ["seed", f"epochs to {target.entire:g}", "evaluations", "quality at the end of the budget"]
    return _table([*head, "of the test part"], rows)


def _of_the_test_part(run: Result) -> str:
    """Return the quality of the test part with its standard error, as far as the run has them."""
    if run.held_out is None:
        return "-"
    test, error = run.held_out.test.value, run.held_out.test_standard_error.value
    return "-" if test is None else f"{test:.4g}" if error is None else f"{test:.4g} ± {error:.1g}"


def calibrated(task: str) -> list[Result]:
    """Return the runs that the target of `task` was calibrated with, in order of seed."""
    from aibench.results.result import read_result

    found = [read_result(path) for path in CALIBRATIONS.glob(f"{task}_seed*.json")]
    return sorted(found, key=lambda run: run.seed or 0)


def needs(runs: Sequence[Result], quality: float) -> list[Needed | None]:
    """Return what each of `runs` needed to reach `quality`; None for one that did not."""
    from aibench.analysis.calibration import needed

    found: list[Needed | None] = []
    for run in runs:
        try:
            found.append(needed(run, quality, run.target.mode == "max"))
        except ValueError:
            found.append(None)
    return found


def references() -> str:
    """Return what the reference runs take, as far as shipped results tell: of steps on a GPU, and to the quality."""
    from aibench.results.result import read_result

    rows = []
    for task in _tasks():
        steps = [read_result(path) for path in (STUDIES / "gpu" / "results").glob(f"{task}*.json")]
        whole = [read_result(path) for path in (STUDIES / "paper" / "results").glob(f"{task}_seed*.json")]
        cells = ["unknown"] * 5
        if steps and steps[0].throughput and steps[0].memory:
            (run, rate, memory) = (steps[0], steps[0].throughput, steps[0].memory)
            cells[0] = f"{run.config['data']['batch_size']:,}"
            cells[1] = f"{(memory.device.value or 0) / 1e9:.2g} GB"
            cells[2] = f"{rate.training.value or 0:,.0f} {rate.unit}/s"
        reached = [run.to_quality.seconds for run in whole if run.to_quality and run.to_quality.seconds]
        peaks = [run.memory.process.value for run in whole if run.memory and run.memory.process.value]
        if reached and len(reached) == len(whole):
            cells[3] = f"{sum(reached) / len(reached):.0f} s ({len(whole)} seeds)"
            cells[4] = f"{max(peaks) / 1e9:.2g} GB" if peaks else "unknown"
        rows.append([task, *cells])
    heads = ["data.batch_size", "memory of the GPU", "speed", "to the paper's quality", "memory of the process"]
    return _table(["task", *heads], rows)


TABLES: dict[str, Callable[[], str]] = {
    "sizes": sizes,
    "targets": targets,
    "reproduced": reproduced,
    "references": references,
}


def _tasks() -> list[str]:
    from aibench.commands.suite_tables import tasks

    return tasks()


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _short(value: str | None) -> str:
    if not value:
        return "-"
    number = float(value)
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("texts", nargs="*", type=Path, help="All of them where none is given.")
    parser.add_argument("--check", action="store_true", help="Write nothing; exit with 1 where a text differs.")
    asked = parser.parse_args()
    stale = [path for path in asked.texts or texts() if (text := path.read_text(encoding="utf-8")) != renewed(text)]
    for path in stale:
        if asked.check:
            print(f"{path}: its tables differ from their files. `make texts` writes them anew.", file=sys.stderr)
        else:
            path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
            print(path)
    sys.exit(1 if asked.check and stale else 0)


if __name__ == "__main__":
    main()
