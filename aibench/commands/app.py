"""Registers every verb of the command `aibench`: the one list of which words do what."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, NoReturn

import typer

from aibench.commands.baseline import baseline
from aibench.commands.batch import batch
from aibench.commands.beforehand import tell_version, widen
from aibench.commands.breakdown import breakdown
from aibench.commands.calibrate import calibrate
from aibench.commands.characterize import characterize
from aibench.commands.check import check
from aibench.commands.compare import compare
from aibench.commands.completion import proposals
from aibench.commands.console import complain
from aibench.commands.cost import cost
from aibench.commands.counters import counters
from aibench.commands.coverage import coverage
from aibench.commands.dashboard import dashboard
from aibench.commands.data_prepare import prepare
from aibench.commands.data_status import status
from aibench.commands.estimate import estimate
from aibench.commands.hotspots import hotspots
from aibench.commands.imports import import_results
from aibench.commands.infer import infer
from aibench.commands.micro import micro
from aibench.commands.mllog_rules import mllog_rules
from aibench.commands.paper import paper
from aibench.commands.rank import rank
from aibench.commands.report import report
from aibench.commands.rules import rules
from aibench.commands.scaling import scaling
from aibench.commands.schema import schema
from aibench.commands.selftest import selftest
from aibench.commands.sensitivity import sensitivity
from aibench.commands.show import show
from aibench.commands.similarity import similarity
from aibench.commands.subset import subset
from aibench.commands.system import system
from aibench.commands.variation import variation
from aibench.commands.verify import verify
from aibench.config.fields import shown


def train(words: Annotated[list[str] | None, typer.Argument(autocompletion=proposals)] = None) -> None:
    """Train: `aibench train task=NAME ...`; the same as `python train.py`."""


def every_verb(
    version: Annotated[
        bool, typer.Option("--version", callback=tell_version, is_eager=True, help="Print the version.")
    ] = False,
    wide: Annotated[
        bool, typer.Option("--wide", callback=widen, help="Print all columns of a table, however wide.")
    ] = False,
) -> None:
    """Hold what may stand before every verb."""


VERBS: dict[str, Callable[..., None]] = {
    "train": train,
    "infer": infer,
    "show": show,
    "variation": variation,
    "sensitivity": sensitivity,
    "scaling": scaling,
    "cost": cost,
    "subset": subset,
    "compare": compare,
    "rank": rank,
    "paper": paper,
    "report": report,
    "dashboard": dashboard,
    "import": import_results,
    "estimate": estimate,
    "batch": batch,
    "system": system,
    "selftest": selftest,
    "check": check,
    "rules": rules,
    "baseline": baseline,
    "calibrate": calibrate,
    "mllog-rules": mllog_rules,
    "schema": schema,
    "characterize": characterize,
    "coverage": coverage,
    "breakdown": breakdown,
    "hotspots": hotspots,
    "micro": micro,
    "counters": counters,
    "similarity": similarity,
}
VERBS_OF_DATA: dict[str, Callable[..., None]] = {"status": status, "prepare": prepare, "verify": verify}
WITH_OVERRIDES = ("calibrate",)  # a word of theirs may begin with a dash


def application() -> typer.Typer:
    """Return the command with all its verbs."""
    app = typer.Typer(
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="AIBench: train tasks to a quality target, and read what came of it. `aibench train -h` tells of "
        "training.",
    )
    app.callback()(every_verb)
    for name, verb in VERBS.items():
        app.command(name, context_settings={"ignore_unknown_options": name in WITH_OVERRIDES})(verb)
    data = typer.Typer(no_args_is_help=True, help="Data sets.")
    for name, verb in VERBS_OF_DATA.items():
        data.command(name)(verb)
    app.add_typer(data, name="data")
    return app


app = application()


@cache
def command() -> Any:
    """Return what reads the words of `aibench`, built once a process: building it takes longer than most lines."""
    return typer.main.get_command(app)


WRONG_USE: type[Exception] = typer.BadParameter.__bases__[0]  # of an option, an argument or a verb: click's UsageError


def run(words: Sequence[str]) -> NoReturn:
    """Run the verb that `words` name, and end the process; a wrong option or path is told in one line."""
    try:
        ended = command().main(list(words), prog_name="aibench", standalone_mode=False)
    except WRONG_USE as error:
        ended = _wrong_use(error, words)
    except OSError as error:
        if error.filename is None:
            raise
        complain(f"{shown(error.filename)}: {error.strerror}.")
        ended = 1
    sys.exit(ended if isinstance(ended, int) else 0)


def _wrong_use(error: Any, words: Sequence[str]) -> int:
    """Print the help that was asked for by giving no word, or what is wrong in one line; return the exit status."""
    what = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":
        print(what)
    else:
        verb = next((word for word in words if word in VERBS or word == "data"), "")
        complain(f"{shown(' '.join(words))}: {shown(what.rstrip('.'))}. See `{f'aibench {verb}'.strip()} -h`.")
    return int(error.exit_code)
