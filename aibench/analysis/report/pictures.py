"""Shrinks the figures that the tasks rendered until they are small enough for the page."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aibench.analysis.runs.runs import Run
from aibench.results.files import content, figure_beside, within

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH = 1600  # pixels
BUDGET = 3_000_000  # bytes of all pictures together, as text in the page
QUALITIES = (82, 65, 45, 30)
MOST_PIXELS = 50_000_000  # thirty times what the largest task renders
FORMATS = ("PNG", "JPEG", "WEBP")  # of all that the library knows: fewer readers of hostile files


def picture(runs: Sequence[Run], budget: int, faults: list[str]) -> str | None:
    """Return the figure of the first run that has one, as a data URL of at most `budget` characters; else None.

    A figure that lies outside of the run's folder, or cannot be read, gives a line in `faults`.
    """
    for run in runs:
        name = run.record.figure if run.record else None
        folder = Path(run.path).parent
        if not name or not run.path:
            continue
        try:
            kept = (name, figure_beside(Path(run.path)).name)  # a study keeps results under names of their own
            path = next((path for path in (within(folder, one) for one in kept) if path.exists()), None)
            if path is None:
                continue
            whole = _opened(path)
        except Exception as error:  # a reader of pictures fails in ways that it does not list
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            faults.append(f"{run.path}: figure {name[:80]!r}: not shown: {reason}.")
            continue
        whole.thumbnail((WIDTH, 10 * WIDTH))
        return _encoded(whole, budget)
    return None


def _opened(path: Path) -> Image:
    """Return the picture in `path`, in colours. What its header claims is checked before memory is taken for it."""
    import PIL.Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
        with PIL.Image.open(io.BytesIO(content(path)), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels are more than {MOST_PIXELS:,}")
            return image.convert("RGB")


def _encoded(image: Image, budget: int) -> str | None:
    for quality in QUALITIES:
        text = io.BytesIO()
        image.save(text, "WEBP", quality=quality)
        url = f"data:image/webp;base64,{base64.b64encode(text.getvalue()).decode()}"
        if len(url) <= budget:
            return url
    return None
