"""What a user means can be typed: each refused value comes with a form that gives Hydra that very text."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from aibench.composition.words import in_order, parsed
from aibench.config import ConfigError

PATHS = [
    *("/d/a=b", "/d/a(b)", "/d/(a", "/d/[a]", "/d/{a}", "/d/#a", "/d/it's", '/d/"a"', "/d/größe", "/d/日本", "~/a"),
    *(
        "/d/a b=c",
        "/d/a;b",
        "/d/a&b",
        "/d/a!b",
        "/d/<a>",
        "/d/`a`",
        "/d/a^b",
        '/d/a\\"b',
        "/d/a=\\",
        "/d/${a}=",
    ),
]


def refused(word):
    """What is said of a word; None where it can be read."""
    try:
        parsed([word])
    except ConfigError as error:
        return str(error)
    return None


@pytest.mark.parametrize("path", PATHS)
def test_the_form_that_a_refusal_writes_gives_the_path_as_typed(path):
    said = refused(f"data.root={path}")
    assert said.startswith(f"data.root={path}: Hydra needs quotes around ")
    (word,) = shlex.split(said[said.index(" Write ") + 7 : -1])
    (override,) = parsed([word])
    assert OmegaConf.create({"root": override.value()}).root == path


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=12))
def test_any_text_is_read_or_refused_in_a_line_that_holds_it(value):
    said = refused(f"data.root={value}")
    if said is None:
        return
    assert "\n" not in said
    assert said.startswith("data.root=")
    form = re.search(r" Write (.*?)(?: if it is text)?\.$", said)
    if form is not None:
        (override,) = parsed(shlex.split(form[1]))
        assert OmegaConf.create({"root": override.value()}).root == value


def test_flags_and_their_values_stand_before_the_overrides():
    assert in_order(["a=1", "--cfg", "job", "b=2", "-m"]) == ["--cfg", "job", "-m", "a=1", "b=2"]
    assert in_order(["-cd", "/x=y", "a=1", "--info"]) == ["-cd", "/x=y", "--info=all", "a=1"]
    with pytest.raises(ConfigError, match=r"^--cfg: no value\."):
        in_order(["--cfg", "a=1"])
