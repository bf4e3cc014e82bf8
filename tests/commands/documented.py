"""Reads the command lines that README and docs print, and says which a test cannot run as they stand, and why."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("docs/tasks/*.md")),
]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OURS = ("aibench ", "python train.py ")
OTHERS = re.compile(
    r"(make|pip|python|torchrun|srun|wandb|tensorboard|eval|unzip|docker|conda|git|\.venv/bin/python|[A-Z_]+=\S+) "
)
PIPED = re.compile(r" \| .*$")
# A command line that no test runs to its end, and why. It is still read: its words are words that the command takes.
NOT_RUN = {
    r"NAME|TASK|KEY=VALUE|VERB| \.\.\.|noisy_digits|thesis": "some of its words stand for the reader's own",
    r"cluster=slurm": "needs Slurm; benchmarks/slurm has the transcript of one",
    r"hydra/launcher=": "starts processes that train; tests/commands/test_pool.py does with runs of a second",
    r"hydra/sweeper=optuna": "trains twenty runs; tests/commands/test_searches.py searches with runs of a second",
    r"experiment=paper": "takes the references whose data this machine has",
    r"^aibench (characterize|micro (FOLDER|suite\.json)$)": "measures for minutes; tests/characterization does for one",
    r"^aibench counters (task|--ncu)": "measures for minutes, or reads what Nsight wrote; tests/characterization does",
    r"^aibench (calibrate|estimate|selftest|batch|baseline)|--probe": "measures for minutes; each has tests of its own",
    r"^aibench infer task=": "serves ResNet-50; the same path is run with a miniature above",
    r"^aibench data prepare": "needs the archive; tests/commands/test_data_verbs.py prepares a made-up one",
    r"^aibench paper runs|^aibench scaling": "reads runs that take hours; tests/analysis makes such results up",
    r"output=runs/detector": "needs a finished run of object_detection; tests/training/test_session.py has another",
    r"aibench check runs/sweep/0": "needs that run; tests/analysis/test_checking.py checks such a one",
}
OF_OTHERS = "a program of others, or one that sets up or tests this repository: continuous integration runs those"


@dataclass(frozen=True)
class Line:
    """A command line of a page.

    Attributes:
        page: The page's name.
        text: The line as printed, without what follows `#` or a pipe.
        said: The lines that the page shows below it as its output; none where it shows none.
    """

    page: str
    text: str
    said: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)

    @property
    def run(self) -> list[str]:
        """The words as a test runs them: of all seventeen tasks one seed is enough, whatever its folder."""
        whole = "experiment=full" in self.words
        words = [word for word in self.words if not (whole and word.startswith(("seed=", "output=")))]
        if words[:3] == ["aibench", "counters", "--from"]:
            words[3] = "experiments/microarchitecture/results"
        return [word.replace("runs/DATE_TIME", "runs/one") for word in words]

    @property
    def reason(self) -> str | None:
        """Why no test runs it; None where one does."""
        return next((reason for pattern, reason in NOT_RUN.items() if re.search(pattern, self.text)), None)


def lines(page: Path) -> Iterator[Line]:
    """Yield the command lines of ours in the fenced parts of a page."""
    for language, block in FENCED.findall(page.read_text(encoding="utf-8")):
        if language:
            continue
        printed = [line.strip() if "$ " in line[:4] else line for line in block.replace("\\\n", " ").splitlines()]
        prompts = any(line.startswith("$ ") for line in printed)
        for number, line in enumerate(printed):
            text = line.strip().removeprefix("$ ")
            if not text.startswith(OURS) or (prompts and not line.startswith("$ ")):
                continue
            below = []
            for after in printed[number + 1 :]:
                if not prompts or after.startswith("$ "):
                    break
                below.append(after)
            yield Line(page.name, PIPED.sub("", shlex.join(shlex.split(text, comments=True))), tuple(below))


def of_others(page: Path) -> Iterator[str]:
    """Yield what else stands in the fenced parts of a page and looks like a command line."""
    for language, block in FENCED.findall(page.read_text(encoding="utf-8")):
        if not language:
            for line in block.replace("\\\n", " ").splitlines():
                text = line.strip().removeprefix("$ ")
                if OTHERS.match(text) and not text.startswith(OURS):
                    yield text


ALL = [line for page in PAGES for line in lines(page)]
