"""Every docstring begins with a whole sentence that a newcomer understands without the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "aibench"

ROOMS = sorted(place.name for place in PACKAGE.iterdir() if place.suffix == ".py" or (place / "__init__.py").is_file())

# What a first line may begin with: functions in this form, modules and classes in the third person. Add what you need.
WORDS = """
    Accept Act Add Allow Answer Append Apply Ask Assemble Attend Average
    Begin Borrow Bound Bring Build
    Call Carry Change Check Choose Collate Collect Colour Combine Compare Compose Compress Compute Convert Convolve
      Copy Count Create Cut
    Decide Declare Decode Define Derive Describe Detect Do Draw Drop
    Enclose Encode End Enter Estimate Evaluate Express
    Fetch Fill Find Fit Fix Follow Forecast Forward
    Generate Give Go Group Guard
    Hand Handle Have Hide Hold
    Imitate Integrate
    Join Judge
    Keep
    Lay Learn Leave Lengthen Let List Load Log Look
    Make Map Mark Match Measure Move
    Name Normalise Note
    Offer Open
    Paint Parse Pass Permit Plan Pool Predict Print Profile Propose Provide Put
    Quote
    Raise Rank Reach Read Record Refuse Register Remember Remove Repeat Replace Report Resolve Rest Restore Return
      Round Run
    Sample Save Say Scale Score Search Select Serve Set Show Shrink Skip Sleep Sort Speak Split Stack Stand Start
      Stop Store Subtract Sum Summarise Sweep Switch
    Tabulate Take Tell Test Time Train Translate Try Turn
    Undo
    Wait Watch Wrap Write
    Yield
"""
VERBS = WORDS.split()
BEGINS_BADLY = re.compile(r"(Of|As|Likewise|Which|Whose|Theirs)\b")
ENTRY = re.compile(r"^ +(?P<names>[\w*, ]+): (?P<text>.*)$", re.MULTILINE)


def third_person(verb: str) -> str:
    """Return `verb` as in "it ..."."""
    if verb == "Have":
        return "Has"
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ies"
    return verb + ("es" if re.search(r"(s|x|z|ch|sh|o)$", verb) else "s")


def faults_of(docstring: str, *, function: bool) -> Iterator[str]:
    """Yield what a newcomer would stumble over."""
    sentence = " ".join(docstring.split("\n\n", maxsplit=1)[0].split())
    words = sentence.split()
    allowed = VERBS if function else [third_person(verb) for verb in VERBS]
    if words[0].rstrip(",:") not in allowed:
        yield f"begins with {words[0]!r}, no verb of VERBS in the {'imperative' if function else 'third person'}"
    elif words[1:2] == ["of"] and not words[0].endswith(","):
        yield f"{' '.join(words[:2])!r} is a noun"
    if not sentence.endswith((".", ".)", ".`")):
        yield "the first paragraph does not end with a full stop"
    for entry in ENTRY.finditer(docstring):
        if BEGINS_BADLY.match(entry["text"]):
            yield f"{entry['names']}: {entry['text']!r} can be read beside the name alone"


def docstrings(source: str) -> Iterator[tuple[int, str, str, bool]]:
    """Yield line, name, docstring and whether it is a function's, for everything in `source` that has one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                yield getattr(node, "lineno", 1), getattr(node, "name", "module"), text, function


@pytest.mark.parametrize("room", ROOMS)
def test_docstrings_are_sentences(room: str) -> None:
    place = PACKAGE / room
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    found = [
        f"{file.relative_to(PACKAGE)}:{line} {name}: {fault}"
        for file in files
        for line, name, text, function in docstrings(file.read_text(encoding="utf-8"))
        for fault in faults_of(text, function=function)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("docstring", "function", "faults"),
    [
        ("Return a digest of all samples.", True, 0),
        ("Yields batches.", False, 0),
        ("Does what a box does, and matches it.", False, 0),
        ("Of all samples.", True, 1),
        ("What throughput counts of them.", False, 1),
        ("The digest.", True, 1),
        ("Returns the digest.", True, 1),
        ("Return the digest.", False, 1),
        ("Count of the samples.", True, 1),
        ("Return a digest", True, 1),
        ("Return the batch.\n\nArgs:\n    samples: Of it.\n    seed: The run's.", True, 1),
        ("Hold a batch.\n\nAttributes:\n    task, scale: As configured.\n    seed: Likewise.", True, 2),
    ],
)
def test_what_is_no_sentence_is_found(docstring: str, function: bool, faults: int) -> None:
    assert len(list(faults_of(docstring, function=function))) == faults
