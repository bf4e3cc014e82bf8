"""Makes figures in which text is text: names of others may hold signs that matplotlib takes for formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST = 34  # letters of a name in a drawing


def blank(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["text.parse_math"] = False
    return Figure(figsize=(width, height), layout="constrained")


def logarithmic(axes: Axes, *names: str) -> None:
    """Scale the axes called `names`, `x` or `y`, by decades, numbered in digits: matplotlib's are formulas."""
    from matplotlib.ticker import LogFormatter

    for name in names:
        axes.set(**{f"{name}scale": "log"})
        axis = axes.xaxis if name == "x" else axes.yaxis
        axis.set_major_formatter(LogFormatter())
        axis.set_minor_formatter(LogFormatter(labelOnlyBase=False))


def plainly_logarithmic(axes: Axes) -> None:
    """Scale the horizontal axis by decades, with plain numbers: 0.5, 1, 2, 5, 10."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 200 * low else (1.0,)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.4g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def short(name: str) -> str:
    """Return `name`, cut where it is so long that a drawing would have no room for anything else."""
    if len(name) <= LONGEST:
        return name
    half = LONGEST // 2  # what tells two names apart is often at their end
    return f"{name[: LONGEST - half - 1]}…{name[-half:]}"


__all__ = ["blank", "logarithmic", "plainly_logarithmic", "short"]
