"""Draws a table of text cells: on a screen, as Markdown, as CSV. The report draws the same as HTML."""

from __future__ import annotations

import csv
import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aibench.results.shown import shown

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100  # of the text below a table where the output is no terminal
PROSE, WORD = 60, 50  # most letters of a line of a cell that may be broken, and of a word that may not
FIRST = 32  # letters that the first column keeps: it tells the rows apart
ON_REQUEST = "`aibench --wide VERB ...`, a wider terminal, a pipe, --csv and --markdown have all columns."
GAP = 2  # between two columns
NONE = "-"
ACTING = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # begin a formula, their wide forms too


@dataclass(frozen=True, slots=True)
class Grid:
    """Holds a table of text cells.

    Attributes:
        title: What it shows.
        heads: Headers of the columns.
        rows: Cells, a list of equal length for each row.
        names: Columns that hold names, at the left; the others hold numbers.
        legend: What the columns mean.
        notes: A line each, on single rows.
        records: The rows as plain values for the CSV file, unrounded.
        dispensable: Columns that a narrow terminal does without, first to last; the others go from the right.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: int = 1
    legend: str = ""
    notes: Sequence[str] = ()
    records: Sequence[dict[str, Any]] = field(default=(), repr=False)
    dispensable: Sequence[str] = ()

    def __post_init__(self) -> None:
        safe = {
            "title": shown(self.title),
            "heads": list(map(shown, self.heads)),
            "rows": [list(map(shown, row)) for row in self.rows],
            "legend": shown(self.legend),
            "notes": list(map(shown, self.notes)),
        }
        for name, value in safe.items():
            object.__setattr__(self, name, value)

    def show(self, console: Console) -> None:
        """Print it: no number is cut. A terminal loses columns that it has no room for; the line below names them."""
        from rich.text import Text

        room = console.width if console.is_terminal else max(console.width, self._breadth())
        kept = self.fitting(room)
        kept._draw(console, room)
        console.print()
        lost = [head for head in self.heads if head not in kept.heads]
        left_out = f"Left out, for want of room: {', '.join(lost)}. {ON_REQUEST}" if lost else ""
        for line in filter(None, (left_out, self.legend, *self.notes)):
            console.print(Text(textwrap.fill(line, min(room, max(console.width, WIDTH)))), soft_wrap=True)

    def _draw(self, console: Console, room: int) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        drawn = Table(title=Text(self.title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        drawn.show_edge = drawn.pad_edge = False
        widths = self._widths(room)
        drawn.width = sum(width + GAP for width in widths)
        for place, (head, width) in enumerate(zip(self.heads, widths, strict=True)):
            justify: Literal["left", "right"] = "left" if place < self.names else "right"
            drawn.add_column(head, justify=justify, overflow="fold", width=width)
        for row in self.rows:
            drawn.add_row(*map(Text, row))
        console.print(drawn, crop=False)

    def fitting(self, room: int) -> Grid:
        """Return the table with as many columns as `room` characters hold: `dispensable` go first, then from the right.

        The first column and one more stay in any case.
        """
        order = [self.heads.index(head) for head in self.dispensable if head in self.heads]
        order += [place for place in reversed(range(1, len(self.heads))) if place not in order]
        floors, kept = self._floors(), list(range(len(self.heads)))
        while len(kept) > 2 and sum(floors[place] + GAP for place in kept) > room:
            kept.remove(order.pop(0))
        return replace(
            self,
            heads=[self.heads[place] for place in kept],
            rows=[[row[place] for place in kept] for row in self.rows],
            names=sum(place < self.names for place in kept),
        )

    def _widths(self, room: int) -> list[int]:
        """Return the characters of each column: its floor, and what is left of `room` for cells that would break."""
        widths = self._floors()
        left = room - sum(width + GAP for width in widths)
        for place, whole in enumerate(self._breadths()):
            more = max(0, min(left, whole - widths[place]))
            widths[place] += more
            left -= more
        return widths

    def _breadth(self) -> int:
        """Return the characters that the table takes if no cell is broken, but for prose."""
        return sum(breadth + GAP for breadth in self._breadths())

    def _breadths(self) -> list[int]:
        """Return the characters that each column takes if no cell is broken and headers have two lines at most."""
        cells = [max((_longest(row[place]) for row in self.rows), default=0) for place in range(len(self.heads))]
        is_prose = [0 < place < self.names for place in range(len(self.heads))]
        cells = [min(cell, PROSE) if prose else cell for cell, prose in zip(cells, is_prose, strict=True)]
        return list(map(max, map(_in_two_lines, self.heads), cells))

    def _floors(self) -> list[int]:
        """Return the characters below which each column would break a number or a word."""
        whole = self._breadths()
        words = (max((_longest_word(row[place]) for row in self.rows), default=0) for place in range(len(self.heads)))
        floors = (max(_longest_word(head), min(word, WORD)) for head, word in zip(self.heads, words, strict=True))
        return [
            min(least, floor if place else max(floor, FIRST)) if place < max(1, self.names) else least
            for place, (floor, least) in enumerate(zip(floors, whole, strict=True))
        ]

    def markdown(self) -> str:
        """Return the table as Markdown, with its legend and notes."""
        heads, *rows = ([marked(cell) for cell in row] for row in (self.heads, *self.rows))
        rule = [*["---"] * self.names, *["---:"] * (len(self.heads) - self.names)]
        lines = ["| " + " | ".join(row) + " |" for row in (heads, rule, *rows)]
        legend = [self.legend, ""] if self.legend else []
        notes = [*(f"- {marked(note)}" for note in self.notes), ""] if self.notes else []
        return "\n".join([f"{marked(self.title)}:", "", *lines, "", *legend, *notes])

    def write_csv(self, path: Path) -> None:
        """Write `records`, an empty field where there is no value."""
        keys = list(dict.fromkeys(key for record in self.records for key in record))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(map(plain, keys))
            writer.writerows([plain(record.get(key)) for key in keys] for record in self.records)


def _in_two_lines(head: str) -> int:
    """Return the fewest characters in which `head`, broken at blanks, has two lines at most."""
    words = head.split()
    ends = range(1, len(words) + 1)
    return min((max(len(" ".join(words[:end])), len(" ".join(words[end:]))) for end in ends), default=0)


def _longest_word(text: str) -> int:
    return max(map(len, text.split()), default=0)


def _longest(text: str) -> int:
    return max(map(len, text.splitlines()), default=0)


def marked(text: str) -> str:
    """Return `text` as Markdown shows it in a cell or a line: no column, tag, comment, link or picture begins in it."""
    text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", shown(text).replace("\\", "\\\\").replace("|", "\\|"))
    return text.replace("](", "]\\(").replace("\n", "<br>")


def plain(value: Any) -> Any:
    """Return `value` for a cell of a CSV file: text that a spreadsheet would compute gets a quote before it."""
    if value is None or isinstance(value, int | float):
        return value
    text = shown(str(value))
    return f"'{text}" if (text.lstrip().startswith(ACTING) and not _is_number(text)) or text.startswith("\t") else text


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def number(value: float | None) -> str:
    """Return `value` as text with three digits, whole above 1,000; `-` for none."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "inf"
    if abs(value) < 1e-3 and value != 0:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"


def percent(ratio: float | None) -> str:
    """Return `ratio` in percent to three digits, without the sign."""
    return NONE if ratio is None else number(100 * ratio)
