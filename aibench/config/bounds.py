"""Defines bounds of a value, declared with its field: `lr: Positive`, or `blocks: Annotated[int, at_least(2, 1000)]`.

`aibench.config.checks` asks them of every run, and `--cfg job` prints them beside the values. A whole number always has
an upper bound: where neither the machine nor the data give one, it is `MOST`. No float may be infinite or NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sized
from dataclasses import dataclass
from typing import Annotated, Protocol

from aibench.config.places import expanded

MOST = 2**31 - 1  # what 32 bits hold: PyTorch's kernels index with them
LONGEST_PATH = 4096  # bytes, with all its folders
NUMERALS = {2: "two", 3: "three", 4: "four"}


class Constraint(Protocol):
    """Says what a value must be. Its text, as in `at least 1`, stands beside the key in `--cfg job`."""

    def wrong(self, value: object) -> str | None:
        """Return what is wrong with `value`, as in `must be at least 1`; None where nothing is."""
        ...


@dataclass(frozen=True, slots=True)
class Interval:
    """Accepts a finite number in an interval.

    Attributes:
        low, high: Its ends.
        without_low, without_high: Whether an end is left out.
        both: Whether a message names both ends, rather than the one that was passed.
    """

    low: float = -math.inf
    high: float = math.inf
    without_low: bool = False
    without_high: bool = False
    both: bool = False

    def wrong(self, value: object) -> str | None:
        if not isinstance(value, int | float):
            return None
        if isinstance(value, float) and not math.isfinite(value):
            return "must be a finite number"
        below = value <= self.low if self.without_low else value < self.low
        above = value >= self.high if self.without_high else value > self.high
        if not below and not above:
            return None
        if self.both:
            return f"must lie {'' if self.without_low and self.without_high else 'in '}{self}"
        return f"must be {self._lower() if below else self._upper()}"

    def _lower(self) -> str:
        return f"{'greater than' if self.without_low else 'at least'} {self.low}"

    def _upper(self) -> str:
        return f"{'less than' if self.without_high else 'at most'} {self.high}"

    def __str__(self) -> str:
        if self.both and self.without_low and self.without_high:
            return f"between {self.low} and {self.high}"
        if self.both:
            out = self.low if self.without_low else self.high if self.without_high else None
            return f"{self.low} to {self.high}{'' if out is None else f', {out} left out'}"
        ends = [self._lower()] if self.low > -MOST else []
        ends += [self._upper()] if self.high < MOST else []
        return ", ".join(ends)


def at_least(least: float, most: float = MOST) -> Interval:
    """Return the bounds of a count; a message names the end that was passed."""
    return Interval(least, most)


def above(low: float, most: float = math.inf) -> Interval:
    """Return the bounds of what must be greater than `low`."""
    return Interval(low, most, without_low=True)


def between(low: float, high: float, without_low: bool = False, without_high: bool = False) -> Interval:
    """Return the bounds of what lies in an interval of which a message names both ends."""
    return Interval(low, high, without_low, without_high, both=True)


@dataclass(frozen=True, slots=True)
class MultipleOf:
    """Accepts a number of whole steps, at least one."""

    step: int

    def wrong(self, value: object) -> str | None:
        good = not isinstance(value, int) or (value >= self.step and value % self.step == 0)
        return None if good else f"must be {self}"

    def __str__(self) -> str:
        return f"a multiple of {self.step}"


@dataclass(frozen=True, slots=True)
class Odd:
    """Accepts a number that has a middle, as the side of a kernel has."""

    def wrong(self, value: object) -> str | None:
        return "must be odd" if isinstance(value, int) and value % 2 == 0 else None

    def __str__(self) -> str:
        return "odd"


@dataclass(frozen=True, slots=True)
class OneOf:
    """Accepts a word or number of a list."""

    choices: tuple[object, ...]

    def wrong(self, value: object) -> str | None:
        return None if value in self.choices else f"no such value. One of: {self}"

    def __str__(self) -> str:
        return ", ".join(map(str, self.choices))


@dataclass(frozen=True, slots=True)
class OrWord:
    """Accepts a number in an interval, or one word.

    Attributes:
        numbers: The interval.
        word: The word.
    """

    numbers: Interval
    word: str

    def wrong(self, value: object) -> str | None:
        if isinstance(value, str):
            return None if value == self.word else f"must be a whole number, or {self.word}"
        return self.numbers.wrong(value)

    def __str__(self) -> str:
        return f"{self.numbers}, or {self.word}"


@dataclass(frozen=True, slots=True)
class Length:
    """Accepts a list of `count` values, named where they differ in what they are of."""

    count: int
    names: tuple[str, ...] = ()

    def wrong(self, value: object) -> str | None:
        return None if not isinstance(value, Sized) or len(value) == self.count else f"needs {self}"

    def __str__(self) -> str:
        of = f", of {', '.join(self.names[:-1])} and {self.names[-1]}" if self.names else ""
        return f"{NUMERALS.get(self.count, self.count)} values{of}"


def each_of(*names: str) -> Length:
    """Return the length of a list with a value for each of `names`."""
    return Length(len(names), names)


@dataclass(frozen=True, slots=True)
class NotEmpty:
    """Accepts a list of one value or more."""

    def wrong(self, value: object) -> str | None:
        return f"needs {self}" if isinstance(value, Sized) and not len(value) else None

    def __str__(self) -> str:
        return "one value or more"


@dataclass(frozen=True, slots=True)
class Text:
    """Accepts a line of text, which a file's name is too.

    Attributes:
        longest: Most bytes in UTF-8.
        without: What must not occur in it.
        home: Whether `~` at its begin is read as a home folder; null where it is no path. Else it must not stand
            there: a folder of that name would be made.
    """

    longest: int = LONGEST_PATH
    without: tuple[str, ...] = ()
    home: bool | None = None

    def wrong(self, value: object) -> str | None:
        if not isinstance(value, str):
            return None
        if not value.strip():
            return "no value; give one, or leave the key out"
        try:
            length = len(value.encode())
        except UnicodeEncodeError:
            return "holds bytes that are not UTF-8"
        if length > self.longest:
            return f"has {length:,} bytes, and must have at most {self.longest}"
        if self.home is not None and str(expanded(value) if self.home else value).startswith("~"):
            return "begins with ~, which is no known home folder here; write the folder out"
        controls = [sign for sign in value if sign < " " or sign == "\x7f"]
        strange = next((part for part in (*controls, *self.without) if part in value), None)
        return None if strange is None else f"must not hold {strange!r}"

    def __str__(self) -> str:
        return f"without any of {' '.join(self.without)}" if self.without else ""


@dataclass(frozen=True, slots=True)
class ExistingFile:
    """Accepts the path of a file that is there.

    Attributes:
        what: The file that is wanted, for whoever gave another.
        published: First digits of the SHA-256 of the published files, with which a run stays in the closed division;
            torchvision writes eight of them into a file's name.
    """

    what: str
    published: tuple[str, ...] = ()

    def wrong(self, value: object) -> str | None:
        if not isinstance(value, str) or is_file(value):
            return None
        return f"no such file. Give {self.what}"

    def __str__(self) -> str:
        return "a file that is there"


def is_file(path: str) -> bool:
    """Return whether `path`, in which `~` is the home folder, is a file; a name that no file can have is none."""
    try:
        return expanded(path).is_file()
    except (OSError, ValueError, RuntimeError):  # too long, with NUL, or with the home of nobody
        return False


def is_folder(path: str) -> bool:
    """Return whether `path`, in which `~` is the home folder, is a folder; a name that none can have is none."""
    try:
        return expanded(path).is_dir()
    except (OSError, ValueError, RuntimeError):
        return False


# The kinds of values that tasks share. Tops that no machine of today reaches keep a typing error from a day of waiting.
Count = Annotated[int, at_least(1)]
Natural = Annotated[int, at_least(0)]
Layers = Annotated[int, at_least(1, 1000)]
Units = Annotated[int, at_least(1, 2**20)]  # of a layer: channels, features, dimensions
Words = Annotated[int, at_least(1, 2**16)]  # of a text; also hypotheses of a beam
Pixels = Annotated[int, at_least(1, 2**15)]  # along a side
Kernel = Annotated[int, at_least(1, 255), Odd()]  # a side of it
Halvings = Annotated[int, at_least(1, 16)]  # each changes a size or a number of channels by 2
Epochs = Annotated[float, at_least(0, 10**6)]  # a part of a schedule
Shift = Annotated[int, at_least(0, 2**15)]  # pixels
Positive = Annotated[float, above(0)]
NotNegative = Annotated[float, at_least(0, math.inf)]
Fraction = Annotated[float, between(0, 1)]
Dropout = Annotated[float, between(0, 1, without_high=True)]
Momentum = Annotated[float, between(0, 1, without_high=True)]
Deviation = Annotated[float, above(0, 1)]  # of pixels in 0 to 1
Colours = Annotated[list[Fraction], each_of("red", "green", "blue")]
ColourDeviations = Annotated[list[Deviation], each_of("red", "green", "blue")]
