"""The closing table of a run says what the score leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from aibench.commands import train
from aibench.commands.console import print_result
from tests.analysis.conftest import made_up


@pytest.mark.parametrize("seconds", [None, 0.0, 41.26])
def test_the_closing_table_shows_the_preparation_beside_the_time_to_quality(seconds, capsys):
    result = made_up(3.0)
    result.times.preparation = seconds
    print_result(result, Path("run"))
    shown = " ".join(capsys.readouterr().out.split())
    assert f"time to quality │ {result.to_quality.seconds:.1f} s" in shown
    assert ("preparation │" in shown) == (seconds is not None)
    assert seconds is None or f"{seconds:.1f} s, in no time to quality" in shown


def test_the_first_line_says_what_starts_and_where_it_writes_before_pytorch_is_imported(composed, capsys, monkeypatch):
    def started(*_):
        line = capsys.readouterr().out
        assert line == (
            "recommendation, scale mini, session entire, seed 3, to val/hr@10 >= 0.756. Writes to runs/one.\n"
        )
        raise KeyError("enough")

    monkeypatch.setattr(train, "held", started)  # stands where PyTorch is imported
    monkeypatch.setattr(train, "note_failure", lambda folder: None)
    monkeypatch.setattr(train, "unstarted", lambda *_: None)
    train._result(composed("task=recommendation", "seed=3", "target.entire=0.756"), Path("runs/one"), False, None)
    assert capsys.readouterr().out == ""
    config = composed("task=recommendation", "progress=false")
    monkeypatch.setattr(train, "held", lambda: 1 / 0)
    train._result(config, Path("runs/one"), False, None)
    assert capsys.readouterr().out == ""
