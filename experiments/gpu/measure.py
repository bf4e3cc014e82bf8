"""Measures the reference models on the GPU that is here, in parts by worth; what is there when it is cut off stays.

    python experiments/gpu/measure.py [--minutes 10] [--parts sessions,graphs] [--tasks A,B] [--output experiments/gpu]
    python experiments/gpu/measure.py --rehearse --output runs/rehearsal     # the same on a CPU, with small miniatures

1. sessions: every task in fp32, in TF32 and with `hardware=gpu_fast`, one after the other: `results/SETTING/TASK.json`.
2. graphs: the steps that are launched one by one and as a CUDA graph, in turn: `graphs/TASK.json`, losses and seconds.
3. input: what `benchmarks/input.py` prints: `input.txt`.
4. profiles, counters: where the time goes and what the hardware counts, in fp32 and `gpu_fast`: `records/`.
5. qualities: the paper's qualities that take minutes, where the data are here: `qualities/TASK.json`.

Each item is a process of its own, so that an error on the GPU ends one item, and the last one is stopped in time. What
failed is told, and the script goes on; it ends with 1 where something did. `speed.md` sums 1 and 2 up.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from aibench.analysis.grid import Grid, number
from aibench.characterization.counters import counters
from aibench.characterization.profiling import profile
from aibench.characterization.record import update_record
from aibench.characterization.workload import Steps, TaskWorkload, run_steps
from aibench.composition import registry
from aibench.composition.compose import composed
from aibench.results.result import write_atomically
from aibench.training.run import train

ROOT = Path(__file__).parents[2]
PARTS = ("sessions", "graphs", "input", "profiles", "counters", "qualities")
QUALITIES = ("recommendation", "spatial_transformer")  # minutes on any GPU
SMALL = ("data.train_size=64", "data.val_size=32", "data.batch_size=16", "data.eval_batch_size=24")


@dataclass(frozen=True, slots=True)
class Plan:
    """Says what is measured, and at which size.

    Attributes:
        output: Folder of what is left.
        scale: Of the models.
        settings: Words of each setting by its name; the first one is what the others are compared with.
        words: Further words of every run.
        steps: Timed steps of a session; the warm-up is a third of them.
        turns: Of each side of a pair.
        device: `cuda` or `cpu`.
    """

    output: Path
    scale: str
    settings: dict[str, tuple[str, ...]]
    words: tuple[str, ...]
    steps: int
    turns: int
    device: str

    def written(self, place: str, found: dict[str, Any]) -> None:
        """Leave a file whole or not at all."""
        path = self.output / place
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(found, indent=1) + "\n")


GPU = {
    "fp32": ("hardware=gpu",),
    "tf32": ("hardware=gpu", "hardware.precision=tf32"),
    "gpu_fast": ("hardware=gpu_fast",),
}
EAGER = ("hardware.accelerator=cpu", "hardware.compile=false", "hardware.cuda_graph=false", "hardware.precision=fp32")
REHEARSAL = {"fp32": ("hardware=cpu",), "gpu_fast": ("hardware=gpu_fast", *EAGER)}


def planned(output: Path, rehearse: bool) -> Plan:
    """Return what a GPU is asked, or what shows on a CPU that it would run."""
    if rehearse:
        return Plan(output, "mini", REHEARSAL, (*SMALL, "hardware.threads=1", "progress=false"), 3, 1, "cpu")
    return Plan(output, "reference", GPU, ("data.source=synthetic", "hardware.idle_seconds=2"), 30, 3, "cuda")


def sessions(plan: Plan, task: str) -> None:
    """Time a task's steps in each setting."""
    for name, words in plan.settings.items():
        _train(plan, task, f"results/{name}", ("session=steps", f"steps={plan.steps}", *words))


def _train(plan: Plan, task: str, place: str, words: tuple[str, ...]) -> None:
    folder = Path("runs") / "gpu" / place / task  # relative: a result that is shipped names no folder of a machine
    warmup = f"warmup_steps={max(1, plan.steps // 3)}"
    config = composed([f"task={task}", f"scale={plan.scale}", *plan.words, warmup, f"output={folder}", *words])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    result = train(config, folder, None, Console(quiet=True))
    plan.written(f"{place}/{task}.json", json.loads((folder / "result.json").read_text(encoding="utf-8")))
    if not result.status.usable:
        raise RuntimeError(f"{place}/{task}: {result.message}")


class _Watched(TaskWorkload):
    """Keeps the losses of its steps."""

    losses: list[torch.Tensor]

    def to_train(self) -> Any:
        module: Any = super().to_train()
        step, self.losses = module.training_step, []

        def kept(*batch: Any) -> Any:
            loss = step(*batch)
            self.losses.append(loss.detach().float())
            return loss

        module.training_step = kept
        return module


def graphs(plan: Plan, task: str) -> None:
    """Time steps that are launched one by one, and as a CUDA graph; say by how much their losses differ."""
    seconds: dict[str, list[float]] = {"eager": [], "graph": []}
    losses: dict[str, list[float]] = {}
    fixed = [word for word in plan.words if word.startswith("data.") and not word.startswith("data.source")]
    for _ in range(plan.turns):
        for side, taken in seconds.items():
            workload = _Watched(task, plan.scale, [*fixed, f"hardware.cuda_graph={str(side == 'graph').lower()}"])
            run_steps(workload, Steps(3, plan.steps, partial(_timed, taken, plan.steps)), plan.device)
            losses[side] = torch.stack(workload.losses).tolist()
    differ = (abs(a - b) / max(abs(a), 1e-9) for a, b in zip(losses["eager"], losses["graph"], strict=True))
    plan.written(f"graphs/{task}.json", {"seconds": seconds, "losses": losses, "largest_difference": max(differ)})


@contextmanager
def _timed(taken: list[float], steps: int) -> Iterator[None]:
    start = time.perf_counter()
    yield
    taken.append((time.perf_counter() - start) / steps)


def read_input(plan: Plan, task: str) -> None:
    """Keep what the benchmark of the input says."""
    if plan.device == "cpu":
        return
    script = ROOT / "benchmarks" / "input.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    (plan.output / "input.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(f"{script.name}: status {done.returncode}, see input.txt")


def recorded(plan: Plan, task: str, section: str, measure: Callable[..., dict[str, Any]]) -> None:
    """Measure a section of the records in the first and in the last setting."""
    for name in (next(iter(plan.settings)), "gpu_fast"):
        left_out = ("data.source", "hardware=", "progress")
        words = [word for word in (*plan.words, *plan.settings[name]) if not word.startswith(left_out)]
        workload = TaskWorkload(task, plan.scale, words, name if name == "gpu_fast" else None)
        update_record(plan.output / "records", workload, plan.device, section, measure(workload, plan.device))


def qualities(plan: Plan, task: str) -> None:
    """Train to the paper's quality with the quick settings; refuses where the data are not here."""
    words = ("session=epochs", "epochs=1") if plan.device == "cpu" else ("data.source=disk",)
    _train(plan, task, "qualities", (*words, *plan.settings["gpu_fast"]))


def items(part: str, tasks: list[str]) -> list[tuple[str, Callable[[Plan, str], None]]]:
    """Return the tasks of a part, each with what measures it."""
    measure: dict[str, Callable[[Plan, str], None]] = {
        "sessions": sessions,
        "graphs": graphs,
        "input": read_input,
        "profiles": partial(recorded, section="profile", measure=profile),
        "counters": partial(recorded, section="counters", measure=partial(counters, stalls=False, sample=True)),
        "qualities": qualities,
    }
    chosen = {
        "graphs": [task for task in tasks if registry.schema_class(task).recorded],
        "input": [""],
        "qualities": [task for task in QUALITIES if task in tasks],
    }.get(part, tasks)
    return [(task, measure[part]) for task in chosen]


def measured(plan: Plan, task: str, measure: Callable[[Plan, str], None], seconds: float) -> bool:
    """Measure one item in a process of its own, stopped after so many `seconds`; say whether all of it is there."""
    child = multiprocessing.get_context("fork").Process(target=_alone, args=(plan, task, measure))
    child.start()
    child.join(seconds)
    if child.is_alive():
        child.kill()
        child.join()
    return child.exitcode == 0


def _alone(plan: Plan, task: str, measure: Callable[[Plan, str], None]) -> None:
    try:
        measure(plan, task)
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def speed(plan: Plan) -> Grid:
    """Return a table of what the sessions and the graphs came to, so far."""
    first, *others = plan.settings
    rows, records = [], []
    for task in registry.swept_tasks("full"):
        steps = {name: _step(plan.output / "results" / name / f"{task}.json") for name in plan.settings}
        graph = _graph(plan.output / "graphs" / f"{task}.json")
        if all(value is None for value in (*steps.values(), *graph)):
            continue
        gains = [steps[first] / other if (other := steps[name]) and steps[first] else None for name in others]
        known = [None if step is None else 1000 * step for step in steps.values()]
        rows.append([task, *map(number, known), *map(number, gains), *map(number, graph)])
        records.append({"task": task, **steps, "graph": graph[0], "difference": graph[1]})
    heads = ["task", *(f"{name},\nms" for name in plan.settings), *(f"{name},\ntimes" for name in others)]
    return Grid(
        title="Steps of the reference models, by setting",
        heads=[*heads, "graph,\ntimes", "losses\ndiffer"],
        rows=rows,
        legend=f"ms: median of a step. times: as quick as {first}. graph: as quick as the same steps launched one by "
        "one, fp32, medians of alternating turns; losses: the largest difference of these two, as a part of the loss.",
        records=records,
    )


def _step(path: Path) -> float | None:
    if not path.is_file():
        return None
    steps = (json.loads(path.read_text(encoding="utf-8"))["throughput"] or {}).get("steps") or {}
    median: float | None = steps.get("median")
    return median


def _graph(path: Path) -> tuple[float | None, float | None]:
    if not path.is_file():
        return None, None
    found = json.loads(path.read_text(encoding="utf-8"))
    eager, graph = (statistics.median(found["seconds"][side]) for side in ("eager", "graph"))
    return eager / graph, found["largest_difference"]


def main(words: list[str] | None = None) -> int:
    """Measure part after part, until the time is over."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--tasks", default=",".join(registry.swept_tasks("full")))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("--rehearse", action="store_true")
    asked = parser.parse_args(words)
    plan, end = planned(asked.output, asked.rehearse), time.monotonic() + 60 * asked.minutes
    failed = []
    for part in asked.parts.split(","):
        for task, measure in items(part, asked.tasks.split(",")):
            left = end - time.monotonic()
            name = f"{part} {task}".strip()
            if left <= 0 or not measured(plan, task, measure, left):
                failed.append(name)
            print(f"{name}: {'not all of it' if name in failed else 'measured'}", flush=True)
        plan.output.mkdir(parents=True, exist_ok=True)
        (plan.output / "speed.md").write_text(speed(plan).markdown(), encoding="utf-8")
    print(f"{len(failed)} of the items are not whole: {', '.join(failed)}" if failed else "all measured")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
