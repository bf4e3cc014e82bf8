"""The page of rules holds the tables that the code gives."""

from __future__ import annotations

from aibench.composition import registry
from tests.golden.rules import PAGE, tables


def test_the_page_holds_the_tables_of_the_code():
    assert tables() in PAGE.read_text(encoding="utf-8"), "run `make rules`"


def test_the_table_has_every_task_and_what_stays():
    said = tables()
    assert all(f"| {task} |" in said for task in registry.task_names())
    assert "`optim.teacher_epochs`" in said.split("stays, of")[1]
