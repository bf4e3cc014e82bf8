"""Makes the gallery: each task's figure, and how its quality rose, from the shipped results alone.

    python experiments/gallery.py [RUN ...]

writes docs/gallery.md and docs/gallery.png. A result file of a study keeps its run's figure beside it, under the same
name. Folders with runs may be given: the figure of the first shipped run of a task (the same run id) is then put there.
"""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aibench.composition import registry
from aibench.results.files import figure_beside as beside
from aibench.results.result import RESULT, Result, read_result

if TYPE_CHECKING:
    from PIL.Image import Image

ROOT = Path(__file__).parents[1]
STUDIES = [ROOT / "experiments" / name / "results" for name in ("calibration", "training", "run_to_run_variation")]
PAGE = ROOT / "docs" / "gallery.md"
CURVES = PAGE.with_suffix(".png")
REPORT = PAGE.with_name("example-report.html")  # `make gallery` writes it before
SCREEN = (1400, 820)  # pixels of its picture
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTH = 900  # pixels of a figure
COLOURS = 64
COLUMNS = 4
LINE: dict[str, Any] = {"color": "#2a6f97", "linewidth": 1, "alpha": 0.7}
HEAD = """# Gallery

What the seventeen miniatures learn, made from the [shipped results](../experiments/README.md) by one command:

```
python experiments/gallery.py
```

## How the quality rose

Every run of the [calibration](../experiments/calibration/README.md) is a line, from its first evaluation to its last.
Where a task has none yet, the line is of the [training study](../experiments/training/README.md), whose run went to an
older target. The dashed line is today's target, where it is of the same metric. Epochs stand below.

![Seventeen small charts: quality against epochs, with the target]({curves})
"""


def main(words: Sequence[str] | None = None) -> None:
    """Put the figures of given runs beside their results, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, help="folders with runs whose results are shipped")
    for folder in parser.parse_args(words).runs:
        keep(folder)
    found = shipped()
    draw({task: [result for _, result in results] for task, results in found.items()}, CURVES)
    PAGE.write_text(page(found), encoding="utf-8")
    picture(REPORT)


def shipped() -> dict[str, list[tuple[Path, Result]]]:
    """Return the shipped results of each task, in the paper's order: of the first study that has some."""
    found: dict[str, list[tuple[Path, Result]]] = {}
    for task in registry.swept_tasks("full"):
        of_studies = [sorted(study.glob(f"{task}_seed*.json")) for study in STUDIES]
        found[task] = [(path, read_result(path)) for path in next(filter(None, of_studies), [])]
    return found


def page(found: dict[str, list[tuple[Path, Result]]]) -> str:
    """Return the page: the curves, and each task's figure with the run that it is of."""
    parts, without = [HEAD.format(curves=CURVES.name)], []
    for task, results in found.items():
        pictured = next(((path, result) for path, result in results if beside(path).exists()), None)
        if pictured is None:
            without.append(task)
            continue
        path, result = pictured
        shown = f"../{beside(path).relative_to(ROOT)}"
        source = f"../{path.relative_to(ROOT)}"
        made = f"after {result.history[-1].epochs:.3g} epochs ([its result]({source}))"
        quality = f"{result.target.metric} {result.quality:.4g}"
        about = f"[The card](tasks/{task}.md). Seed {result.seed}, {quality} {made}."
        parts.append(f"## {task}\n\n{about}\n\n![{task}]({shown})\n")
    if without:
        parts.append(
            f"## Without a figure\n\nThe figures of {', '.join(without)} are not shipped yet: their runs were made "
            "before results kept their figures. `python train.py task=NAME` draws one.\n"
        )
    return "\n".join(parts)


def draw(found: dict[str, list[Result]], path: Path) -> None:
    """Draw the quality of every run against epochs, a small chart for each task."""
    from matplotlib.figure import Figure

    from aibench.composition.compose import suite_config

    rows = math.ceil(len(found) / COLUMNS)
    figure = Figure(figsize=(2.6 * COLUMNS, 1.75 * rows), layout="constrained")
    for place, (task, results) in enumerate(found.items()):
        axes = figure.add_subplot(rows, COLUMNS, place + 1)
        target, measured = suite_config(task, "mini").target, {result.target.metric for result in results}
        for result in results:
            named = ((one.epochs, one.metrics.get(result.target.metric)) for one in result.history)
            axes.plot(*zip(*((at, value) for at, value in named if value is not None), strict=True), **LINE)
        if measured == {target.metric} and target.entire is not None:  # an older study may have another metric
            axes.axhline(float(target.entire), color="#c8553d", linewidth=1, linestyle="--")
        axes.set_ylabel(", ".join(measured).replace("val/", ""), fontsize=7)
        axes.set_title(task, fontsize=8)
        axes.tick_params(labelsize=6)
    figure.savefig(path, dpi=100, metadata={"Software": None})
    shrink(path, path, 10_000)


def picture(report: Path) -> None:
    """Take a picture of the first screen of a report, beside it; without a browser the picture stays as it is."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        print(f"no browser (one of {', '.join(BROWSERS)}): {report.with_suffix('.png').name} is left as it is")
        return
    taken = report.with_suffix(".png")
    size = ",".join(map(str, SCREEN))
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={size}")
    command = [program, *options, f"--screenshot={taken}", report.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    shrink(taken, taken, SCREEN[0])


def keep(folder: Path) -> None:
    """Put the figures of runs below `folder` beside the shipped results of the same runs, the first of each task."""
    ids = {results[0][1].run_id: results[0][0] for results in shipped().values() if results}
    for result in sorted(folder.rglob(RESULT)):
        path = ids.get(read_result(result).run_id)
        figure = result.parent / (read_result(result).figure or "figure.png")
        if path is not None and figure.exists():
            shrink(figure, beside(path), WIDTH)
            print(f"{beside(path).relative_to(ROOT)}: {beside(path).stat().st_size:,} bytes")


def shrink(source: Path, target: Path, width: int) -> None:
    """Write a picture with few colours and at most `width` pixels across: some tens of kilobytes."""
    import PIL.Image

    with PIL.Image.open(source) as opened:
        image: Image = opened.convert("RGB")
    image.thumbnail((width, 10 * width))
    options: dict[str, Any] = {"optimize": True}
    image.quantize(COLOURS, dither=PIL.Image.Dither.NONE).save(target, **options)


if __name__ == "__main__":
    main()
