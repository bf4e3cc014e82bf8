"""Prints what a person reads: complaints of one line, tables, and the closing table of a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from aibench.results.shown import shown

if TYPE_CHECKING:
    from rich.console import Console

    from aibench.analysis.grid import Grid
    from aibench.results.result import HeldOut, Result


def complain(message: str) -> None:
    """Print a one-line complaint on standard error."""
    print(_encodable(f"aibench: {' '.join(shown(message).split())}", sys.stderr), file=sys.stderr)


def say(line: object, *, flush: bool = False) -> None:
    """Print a line on standard output as it is: no part of it acts on the terminal."""
    print(_encodable(shown(str(line)), sys.stdout), flush=flush)


def _encodable(text: str, stream: Any) -> str:
    """Return `text` in letters that `stream` has: a terminal that knows ASCII alone gets escapes."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


@cache
def console() -> Console:
    """Return the console for progress and tables, which is standard output."""
    from rich.console import Console

    class Plain(Console):
        """Turns every string, of a line, a cell, a head or a title, into text without markup."""

        def render_str(self, text: str, **options: Any) -> Any:
            return super().render_str(shown(text), **options)

    return Plain(markup=False, emoji=False, highlight=False)


def print_line(result: Result, folder: Path) -> None:
    """Print a run of a sweep in one line."""
    reached = result.to_quality
    what = result.message or ""
    if reached.epochs is not None:
        what = f"{reached.epochs:.3g} epochs, {reached.seconds:.1f} s"
    quality = "" if result.quality is None else f"  {result.target.metric} {_quality(result)}"
    console().print(f"{result.task} seed {result.seed}: {result.status}{quality}  {what}  {folder}", soft_wrap=True)


def print_result(result: Result, folder: Path, name: str = "result.json") -> None:
    """Print the closing table of a run, whose result is the file `name` in `folder`."""
    from rich.table import Table

    title = f"{result.task}, scale {result.scale}, seed {result.seed}: {result.status}"
    table = Table(title=title, title_justify="left")
    table.add_column("measured")
    table.add_column("value", overflow="fold")
    for measured, value in _rows(result, folder):
        table.add_row(measured, value)
    table.add_row("result", _short(folder / name))
    console().print(table)


def _rows(result: Result, folder: Path) -> list[tuple[str, str]]:
    rows = []
    if result.message:
        rows.append(("why", result.message))
    if result.quality is not None:
        rows.append((f"quality ({result.target.metric})", _quality(result)))
    rows += _held_out_rows(result.held_out)
    reached = result.to_quality
    if reached.epochs is not None:
        rows.append(("epochs to quality", f"{reached.epochs:.3g} (evaluated every {reached.quantum:.3g})"))
        rows.append(
            (
                "time to quality",
                f"{reached.seconds:.1f} s ({reached.seconds_without_evaluation:.1f} s without evaluation)",
            )
        )
    if result.throughput is not None and result.throughput.training.value is not None:
        training, whole = _digits(result.throughput.training.value), _digits(result.throughput.whole.value or 0.0)
        rows.append(("throughput", f"{training} {result.throughput.unit}/s in training, {whole} in all"))
    rows += _time_rows(result) + _energy_rows(result)
    for phase in result.phases if len(result.phases) > 1 else []:
        rows.append((f"  {phase.name}", f"{phase.seconds:.1f} s, {phase.samples:,} samples"))
    if result.memory is not None and result.memory.process.value is not None:
        rows.append(("peak memory", f"{result.memory.process.value / 2**30:.2f} GiB"))
    if result.model is not None:
        rows.append(("model", f"{result.model.parameters:,} parameters, {result.model.initialisation}"))
    if result.trust.level is not None:
        rows.append(("trust", ": ".join([result.trust.level, "; ".join(result.trust.reasons)]).removesuffix(": ")))
    if len(result.parts) > 1:
        rows += [("" if number else "parts", line) for number, line in enumerate(_parts(result))]
    if result.division is not None:
        left = f": {'; '.join(result.division.left)}" if result.division.left else ""
        rows.append(("division", result.division.name + left))
    if result.figure is not None and (folder / result.figure).is_file():
        rows.append(("figure", _short(folder / result.figure)))
    return rows


def _held_out_rows(held_out: HeldOut | None) -> list[tuple[str, str]]:
    """Return how certain the quality is, and the quality on the test part."""
    rows: list[tuple[str, str]] = []
    if held_out is None:
        return rows
    error, test, test_error = held_out.standard_error.value, held_out.test.value, held_out.test_standard_error.value
    if error is not None:
        rows.append(("  standard error", f"{error:.2g}, over {held_out.samples:,} held-out samples"))
    if test is not None:
        rows.append(("  on the test part", f"{test:.4f}" + (f" +- {test_error:.2g}" if test_error is not None else "")))
    return rows


def _parts(result: Result) -> Iterator[str]:
    """Yield for each process of a run from where on it trained, on what, and what had changed since the one before."""
    before: dict[str, object] = {}
    for part in result.parts:
        system = part.system
        machine = f" on {system.get('cpu')}, {system.get('threads')} threads" if system and system != before else ""
        gpu = system.get("gpu") if machine else None
        machine += f", {gpu['name']}" if isinstance(gpu, dict) and "name" in gpu else ""
        changed = "".join(f", {key}={value}" for key, value in {**part.config, **part.versions}.items())
        yield f"from epoch {part.epochs:.3g}, step {part.steps:,}, {part.seconds:,.1f} s{machine}{changed}"
        before = system


def _time_rows(result: Result) -> list[tuple[str, str]]:
    """Return where the wall time went, in percent."""
    times = result.times
    if times is None or times.split is None or times.total <= 0:
        return []
    split = times.split
    before = [] if times.preparation is None else [("preparation", f"{times.preparation:.1f} s, in no time to quality")]
    parts = {
        "data": split.data + split.transfer,
        "forward": split.forward,
        "backward": split.backward,
        "optimiser": split.optimizer,
        "evaluation": times.evaluation,
        "preparation": times.preparation or 0.0,
        "set-up": times.setup,
        "compilation": split.compilation,
        "other": split.loop + times.checkpoint + times.other,
    }
    shares = [f"{name} {seconds / times.total:.0%}" for name, seconds in parts.items() if seconds > 0]
    return [*before, ("wall time", f"{times.total:.1f} s: {', '.join(shares)}")]


def _energy_rows(result: Result) -> list[tuple[str, str]]:
    total, to_quality = result.energy.total, result.energy.to_quality
    rows = []
    if total.value is not None:
        scopes = result.energy.coverage or ", ".join(source.scope for source in result.energy.sources)
        reached = "" if to_quality.value is None else f", {to_quality.value:,.0f} J to quality"
        rows.append(("energy", f"{total.value:,.0f} J{reached} ({scopes})"))
    elif result.times is not None:
        rows.append(("energy", f"not measured: {total.reason}"))
    for name in ("energy", "time", "carbon"):
        priced = getattr(result.cost, name)
        if priced.value is not None:
            rows.append((f"cost: {name}", f"{priced.value:.4g} {priced.unit}"))
    return rows


def _digits(value: float) -> str:
    """Return `value` as text with at least three significant digits."""
    return f"{value:,.1f}" if value >= 10 else f"{value:.3g}"


def _short(path: Path) -> str:
    """Return `path` as a user in the current folder would type it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _quality(result: Result) -> str:
    target = result.target
    if target.quality is None:
        return f"{result.quality:.4f} (no target)"
    return f"{result.quality:.4f} (target {'>=' if target.mode == 'max' else '<='} {target.quality:g})"


def publish(grids: Sequence[Grid], csv: Path | None, markdown: Path | None, lines: Sequence[str] = ()) -> None:
    """Print the tables and the lines after them; write the first table with plain values as CSV, all as Markdown."""
    from aibench.analysis.grid import marked

    for grid in grids:
        grid.show(console())
        say("")
    for line in lines:
        say(line)
    try:
        if csv is not None:
            next((grid for grid in grids if grid.records), grids[0]).write_csv(csv)
        if markdown is not None:
            markdown.parent.mkdir(parents=True, exist_ok=True)
            parts = [*(grid.markdown() for grid in grids), *(f"- {marked(line)}" for line in lines)]
            markdown.write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")
    except OSError as error:
        refuse(f"{error.filename}: not written: {error.strerror}.")


def tell(faults: Sequence[str]) -> None:
    """Print a complaint for each fault."""
    for fault in faults:
        complain(fault)


def refuse(message: str) -> NoReturn:
    """End the verb with a complaint of one line and exit status 1."""
    import typer

    complain(message)
    raise typer.Exit(1)
