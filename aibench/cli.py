"""Runs the command `aibench`. `train` (also `python train.py`) is Hydra's; -h needs no import."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from aibench.composition import registry

USAGE = """\
Train one benchmark to its quality target and write result.json.

usage: python train.py task=NAME [GROUP=OPTION ...] [KEY=VALUE ...]
       python train.py -m task=NAME,NAME seed=1,2,3,4
       python train.py experiment=NAME [...]

groups
  scale       mini: real training in a minute or so on two CPU cores. reference: the paper's model and data
  session     entire: to the paper's target. quasi_entire: to its convergent quality.
              epochs: epochs=N of them. steps: steps=N timed steps without evaluation
  hardware    {hardware}
  tracking    {tracking}
  experiment  {experiment}
  cluster     {cluster}: with -m, each run as a job on a node of its own

tasks
{tasks}

keys that are often set
  seed=1  data.source=embedded|disk|synthetic  data.root=FOLDER  output=FOLDER  resume=auto
  data.batch_size=N  optim.lr=X  hardware.precision=fp32|tf32|bf16|fp16  hardware.threads=N  progress=false

examples
  python train.py task=object_detection                       the miniature, on whatever is here
  python train.py task=object_detection scale=reference data.root=/data/VOCdevkit
  python train.py task=object_detection --cfg job             print the run and what each key may be
  python train.py -m task=image_classification seed=1,2,3,4   the variation of the epochs to quality
  python train.py -m experiment=full hydra/launcher=pool      all tasks, one on each GPU or core

exit status: 0 all runs ended; 1 a run failed or was refused; 130 interrupted.
"""

# They act only if they stand in the environment before the process starts. Freed memory is kept, because giving it
# back and faulting it in again each step made a small CNN 1.28 times slower. A thread that waits for the others spins
# for a moment and then sleeps: where it slept at once, two idle cores trained a small CNN 1.7 times slower; where it
# spins for long, a busy machine is many times slower (docs/performance.md).
ENVIRONMENT = {
    "MALLOC_TRIM_THRESHOLD_": "2000000000",
    "MALLOC_MMAP_THRESHOLD_": "2000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "100000",
    "KMP_BLOCKTIME": "0",
}

MEASURING = ("batch", "characterize", "counters", "micro")  # verbs that need that environment as training does

FLAGS = (  # Hydra's
    *("-m", "--multirun"),
    *("-r", "--run", "-c", "--cfg", "-p", "--package", "-i", "--info", "-cp", "--config-path", "-cn", "--config-name"),
    *("-cd", "--config-dir", "-sc", "--shell-completion", "--resolve", "--version", "--hydra-help"),
)


def train() -> None:
    """Run `python train.py ...`."""
    run_training(sys.argv[1:])


def main() -> None:
    """Run `aibench VERB ...`."""
    if sys.argv[1:2] == ["train"]:
        sys.argv = [f"{sys.argv[0]} train", *sys.argv[2:]]
        run_training(sys.argv[1:])
    else:
        if sys.argv[1:2] and sys.argv[1] in MEASURING:
            _restart_with(ENVIRONMENT)
        from aibench.commands.app import run

        run(sys.argv[1:])


def run_training(words: Sequence[str]) -> None:
    """Answer -h, or run what `words` describe; ends the process."""
    if not words or {"-h", "--help"} & set(words):
        print(help_text(), end="")
        sys.exit(0)
    if list(words) == ["--version"]:  # Hydra would tell its own
        import aibench

        print(f"aibench {aibench.__version__}")
        sys.exit(0)
    _refuse_unknown_flags(words)
    _restart_with(ENVIRONMENT)
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # lets exceptions out, for us to tell in one line
    from aibench.commands.console import complain
    from aibench.composition.refusal import REFUSED, refusal, unexpected

    try:
        _run(words)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # of the composition: what a run itself raises becomes its result
        if wants_traceback:
            raise
        complain(refusal(error, words) if isinstance(error, REFUSED) else unexpected(error, words))
        sys.exit(1)


def _run(words: Sequence[str]) -> None:
    from aibench.commands.train import main as run
    from aibench.composition.groups import check
    from aibench.composition.printed import with_bounds
    from aibench.composition.words import flags, in_order, parsed

    _let_plugins_be_found()
    sys.argv[1:] = in_order(words)
    found = flags(sys.argv[1:])
    check(parsed(found.overrides), own=bool(found.config_dir or found.config_path))
    registry.register(found.overrides)
    with with_bounds() if found.cfg == "job" else contextlib.nullcontext():
        run()


def _let_plugins_be_found() -> None:
    """Let Hydra see the folder `hydra_plugins` beside the package, which an editable install shows to imports alone."""
    root = str(Path(__file__).parents[1])
    if root not in sys.path:
        sys.path.append(root)


def _refuse_unknown_flags(words: Sequence[str]) -> None:
    unknown = [word for word in words if word.startswith("-") and word.split("=")[0] not in FLAGS]
    if unknown:
        print(f"aibench: {unknown[0]}: no such flag. Keys are set as KEY=VALUE; -h lists them.", file=sys.stderr)
        sys.exit(1)


def _restart_with(variables: Mapping[str, str]) -> None:
    """Start this process anew with `variables` in its environment, unless they or others of that name are there."""
    missing = {name: value for name, value in variables.items() if name not in os.environ}
    if missing:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **missing})


def help_text() -> str:
    """Return what -h prints, in the words that started it; the task lines are the docstrings of the task folders."""
    program = "aibench train" if sys.argv[0].endswith(" train") else "python train.py"
    names = registry.task_names()
    width = max(map(len, names), default=0)
    return USAGE.replace("python train.py", program).format(
        tasks="\n".join(f"  {name:<{width}}  {registry.summary(name)}" for name in names),
        **{group: ", ".join(registry.options(group)) for group in ("hardware", "tracking", "experiment", "cluster")},
    )


if __name__ == "__main__":
    main()
