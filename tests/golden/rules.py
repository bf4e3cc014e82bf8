"""Writes the tables of `docs/rules.md` anew, from the marks in the tasks' schemas: `make rules`."""

from __future__ import annotations

from aibench.commands.rules import by_task, everywhere
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "rules.md"
BEGIN, END = "<!-- From `aibench rules`; `make rules` writes it. -->\n", "<!-- Until here. -->\n"


def tables() -> str:
    """Return the tables as the page holds them."""
    return f"{everywhere().markdown()}\n{by_task().markdown()}\n"


def main() -> None:
    """Put the tables into the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{tables()}{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
