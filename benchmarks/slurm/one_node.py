"""Runs sweeps on a Slurm of one node, set up for this in a temporary folder, and keeps what was typed and printed.

    apt-get install --no-install-recommends slurm-wlm munge      # Debian's; as root, as is this script
    python benchmarks/slurm/one_node.py > benchmarks/slurm/transcript.txt

1. two runs with `cluster=slurm`: each has the node to itself, so the second waits for the first;
2. the same runs without `exclusive`: both are on the node at once, and their trust says so;
3. a job that is told that its time is up: it writes a checkpoint, is queued again, and goes on to the same history as
   the run that nobody stopped.

What is kept was printed on a machine that others used meanwhile: its times mean nothing, and its trust says so. Paths
and the host's name are replaced in what is printed. Exits with 1 where a claim above does not hold.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
SECONDS = 60  # for a daemon to answer
CONFIGURATION = """\
ClusterName=one
SlurmctldHost={host}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={port}
SlurmdPort={other_port}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
NodeName={host} CPUs={cores} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
RUN = ("task=image_classification", "hardware=cpu", "hardware.threads=1", "progress=false")
SMALL = ("data.train_size=512", "data.val_size=128", "data.batch_size=32", "data.eval_batch_size=128")
TIMED = (*RUN, "session=steps", "steps=300", "seed=1,2")


@contextmanager
def one_node(folder: Path) -> Iterator[dict[str, str]]:
    """Set up a Slurm of this machine alone; yield the environment in which its commands find it."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    ports = [_free_port() for _ in range(2)]
    host, text = socket.gethostname(), folder / "slurm.conf"
    text.write_text(
        CONFIGURATION.format(host=host, folder=folder, cores=os.cpu_count(), port=ports[0], other_port=ports[1])
    )
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    (folder / "tmp").mkdir()  # where runs look for others: those of this machine that are not Slurm's do not count
    environment = {**os.environ, "SLURM_CONF": str(text), "TMPDIR": str(folder / "tmp")}
    files = (
        *(f"--key-file={key}", f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid"),
        *(f"--seed-file={folder}/munged.seed", f"--log-file={folder}/munged.log"),
    )
    with ExitStack() as stack:
        for command in (["munged", "--foreground", "--force", *files], ["slurmctld", "-D"], ["slurmd", "-D"]):
            stack.enter_context(_daemon([shutil.which(command[0]) or command[0], *command[1:]], environment))
            time.sleep(1)
        _wait("idle", ["sinfo", "-h", "-o", "%T"], environment)
        try:
            yield environment
        finally:
            _end_all_of(folder)


@contextmanager
def _daemon(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _end_all_of(folder: Path) -> None:
    """End what a job left: this Slurm has no control groups to hold a job's processes together."""
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in word for word in process.info["cmdline"] or []) and process.name() == "srun":
            process.kill()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("", 0))
        return int(one.getsockname()[1])


def _wait(word: str, command: list[str], environment: dict[str, str]) -> str:
    """Return the first answer of `command` with `word` in it."""
    answer = ""
    for _ in range(SECONDS * 10):
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
        if word in answer:
            return answer
        time.sleep(0.1)
    raise SystemExit(f"{' '.join(command)}: no {word} in {answer!r}")


class Transcript:
    """Runs commands in a folder and prints them with their answers, without what is particular to this machine."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment

    def say(self, text: str) -> None:
        """Print a text of this script's own."""
        print(f"\n# {text}", flush=True)

    def train(self, *words: str) -> subprocess.Popen[str]:
        """Start `python train.py words`, and print it."""
        print(f"$ python train.py {' '.join(words)}", flush=True)
        return subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ask(self, *command: str) -> str:
        """Run a command of Slurm's, and print its answer."""
        answer = self.hear(*command)
        print(f"$ {' '.join(command)}\n{self._plain(answer)}", end="", flush=True)
        return answer

    def hear(self, *command: str) -> str:
        """Run a command of Slurm's without a word."""
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False).stdout

    def end(self, process: subprocess.Popen[str]) -> None:
        """Wait for a sweep, print what it said, and its exit status."""
        said, _ = process.communicate()
        quiet = [
            line for line in said.splitlines() if "sacct" not in line and "accounting" not in line
        ]  # this Slurm keeps no accounts
        print(self._plain("\n".join(quiet)), f"exit status {process.returncode}", sep="\n", flush=True)

    def _plain(self, text: str) -> str:
        text = text.replace(str(self.folder), "FOLDER").replace(socket.gethostname(), "node1").rstrip()
        return re.sub(r"/\S*?/(?=train\.py|aibench/)", "", text) + "\n"


def results(folder: Path) -> list[dict[str, Any]]:
    """Return the results below `folder`, in the order of their runs."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*/result.json"))]


def history(result: dict[str, Any]) -> list[tuple[int, Any]]:
    """Return what a history says of the training itself, without its times."""
    return [(row["steps"], row["metrics"]) for row in result["history"]]


def told(result: dict[str, Any]) -> bool:
    """Return whether the trust of a run says that another one was there."""
    return any("another run of AIBench" in reason for reason in result["trust"]["reasons"])


def tell(found: list[dict[str, Any]]) -> None:
    """Print what the trust of each run says."""
    for result in found:
        print(f"seed {result['seed']}: {result['status']}; trust: {'; '.join(result['trust']['reasons']) or 'ok'}")


def main() -> None:
    """Run the three parts, and exit with 1 where a claim does not hold."""
    with tempfile.TemporaryDirectory() as name, one_node(Path(name)) as environment:
        show = Transcript(Path(name), environment)
        show.ask("sinfo", "--version")
        show.ask("sinfo")
        faults = [*apart(show), *together(show), *again(show)]
    for fault in faults:
        print(f"FAULT: {fault}")
    sys.exit(1 if faults else 0)


def apart(show: Transcript) -> Iterator[str]:
    """Run two seeds, each on the node by itself; yield what was not so."""
    show.say("Two runs with cluster=slurm: each has the node to itself.")
    sweep = show.train("-m", *TIMED, "cluster=slurm", "output=apart")
    _wait("RUNNING", ["squeue", "-h", "-o", "%T"], show.environment)
    if show.ask("squeue", "-o", "%i %T %M %l %D %h %r").count(" RUNNING ") != 1:
        yield "apart: more than one run was on the node at once"
    show.end(sweep)
    found = results(show.folder / "apart")
    tell(found)
    if [result["status"] for result in found] != ["completed"] * 2 or any(map(told, found)):
        yield "apart: a run did not complete, or saw another"


def together(show: Transcript) -> Iterator[str]:
    """Run them without a node of their own."""
    show.say("The launcher alone gives no run a node of its own: they share it, and their trust says so.")
    sweep = show.train("-m", *TIMED, "hydra/launcher=submitit_slurm", "output=together")
    show.end(sweep)
    found = results(show.folder / "together")
    tell(found)
    if not any(map(told, found)):
        yield "together: no run saw another"


def again(show: Transcript) -> Iterator[str]:
    """Tell a job that its time is up, as Slurm does `signal_delay_s` before the limit."""
    show.say("A job that is told that its time is up goes on by itself. First the run that nobody stops:")
    whole = (*RUN, *SMALL, "session=epochs", "epochs=40", "target.evaluations_per_epoch=1", "seed=3", "cluster=slurm")
    show.end(show.train("-m", *whole, "output=whole"))
    show.say("The same, and the signal comes after its first evaluations:")
    sweep = show.train("-m", *whole, "output=stopped")
    while not _evaluations(show.folder / "stopped"):
        time.sleep(0.1)
    job = show.hear("squeue", "-h", "-o", "%A").split()[0]
    show.ask("scancel", f"--signal={signal.SIGUSR2.name.removeprefix('SIG')}", job)
    for _ in range(SECONDS * 5):
        state = show.hear("scontrol", "show", "job", job)
        if "Restarts=1" in state:
            break
        time.sleep(0.2)
    else:
        yield "again: the job was not queued again"
    show.say("Slurm lets a job that was queued again begin after two minutes:")
    show.ask("squeue", "-o", "%i %T %r")
    show.end(sweep)
    (first,), (second,) = results(show.folder / "whole"), results(show.folder / "stopped")
    print(f"status {second['status']}, resumed {second['resumed']} time(s), {len(second['history'])} evaluations")
    print(f"the same history as the run that nobody stopped: {history(first) == history(second)}", flush=True)
    if history(first) != history(second) or second["resumed"] != 1:
        yield "again: it did not go on once to the same history"


def _evaluations(folder: Path) -> int:
    """Return how many evaluations the run below `folder` has had."""
    return sum(max(0, len(path.read_text().splitlines()) - 1) for path in folder.glob("*/metrics.csv"))


if __name__ == "__main__":
    main()
