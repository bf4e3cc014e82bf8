"""Each number that a verb takes has bounds at both ends."""

from __future__ import annotations

from typing import get_type_hints

import pytest

from aibench import cli
from aibench.commands.app import VERBS, VERBS_OF_DATA
from tests.conftest import ROOT

RESULT = str(ROOT / "experiments" / "run_to_run_variation" / "results" / "spatial_transformer_seed1.json")
UNBOUNDED = {"most_cv"}  # infinity is its default
SHARES = {"precision", "level"}  # between 0 and 1, by arguments.within


def numbers():
    """Each option of a verb that is a number: its name, and what it declares."""
    for verb in (*VERBS.values(), *VERBS_OF_DATA.values()):
        for name, hint in get_type_hints(verb, include_extras=True).items():
            declared = getattr(hint, "__metadata__", ())
            kinds = {getattr(hint, "__origin__", hint), *getattr(getattr(hint, "__origin__", hint), "__args__", ())}
            if declared and kinds & {int, float}:
                yield name, declared[0]


def test_every_number_has_bounds_at_both_ends():
    assert {"price_per_hour", "seeds", "steps", "top"} <= {name for name, _ in numbers()}
    without = {name for name, option in numbers() if option.min is None or option.max is None}
    assert without == UNBOUNDED | SHARES


@pytest.mark.parametrize("value", ["nan", "-inf", "-1", "1e400"])
@pytest.mark.parametrize("option", ["--precision", "--price-per-hour", "--price-per-kwh"])
def test_a_number_that_makes_no_sense_is_refused_with_its_option(option, value, told):
    answer = told("cost", RESULT, option, value, entry=cli.main)
    assert answer.returncode in (1, 2), answer
    assert answer.stderr.startswith("aibench: ")
    assert answer.stderr.count("\n") == 1
    assert option in answer.stderr
