"""The figures that the tasks rendered, small enough for the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aibench.analysis.runs.runs import Run

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH = 900  # pixels
BUDGET = 3_000_000  # bytes of all pictures together, as text in the page
QUALITIES = (82, 65, 45, 30)


def picture(runs: Sequence[Run], budget: int) -> str | None:
    """The figure of the first run that has one, as a data URL of at most `budget` characters; else None."""
    import PIL.Image

    for run in runs:
        path = Path(run.path).parent / run.record.figure if run.record and run.record.figure else None
        if path is None or not path.is_file():
            continue
        try:
            with PIL.Image.open(path) as image:
                whole = image.convert("RGB")
        except (OSError, ValueError):
            continue
        whole.thumbnail((WIDTH, 10 * WIDTH))
        return _encoded(whole, budget)
    return None


def _encoded(image: Image, budget: int) -> str | None:
    for quality in QUALITIES:
        text = io.BytesIO()
        image.save(text, "WEBP", quality=quality)
        url = f"data:image/webp;base64,{base64.b64encode(text.getvalue()).decode()}"
        if len(url) <= budget:
            return url
    return None
