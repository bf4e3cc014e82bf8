"""The closing table of a run says what the score leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

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
