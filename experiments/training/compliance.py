"""MLPerf's own compliance checker over the log of every run in a folder: a line each, status 1 where one fails.

python experiments/training/compliance.py runs/full
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from aibench.results.mllog import MLLOG
from aibench.results.result import read_result

AIBENCH = str(Path(sys.executable).parent / "aibench")
CHECKER = (sys.executable, "-m", "mlperf_logging.compliance_checker", "--config")


def ran(*command: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command with what it printed; in `folder`, where the checker leaves a log of its own."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, cwd=folder)


def verdict(run: Path, rules: Path) -> str:
    """The checker's last word on the log of `run`; its whole output goes to the standard error where it fails."""
    written = ran(AIBENCH, "mllog-rules", f"task={read_result(run).task}", "--output", rules, folder=rules.parent)
    if written.returncode:
        return written.stderr.strip()
    checked = ran(*CHECKER, written.stdout.strip().splitlines()[-1], run.resolve() / MLLOG, folder=rules.parent)
    said = checked.stdout + checked.stderr
    if checked.returncode == 0 and "SUCCESS" in said:
        return "SUCCESS"
    print(said, file=sys.stderr)
    return "FAILURE"


def main() -> None:
    runs = sorted(path.parent for path in Path(sys.argv[1]).glob(f"*/{MLLOG}"))
    with tempfile.TemporaryDirectory() as folder:
        verdicts = {run.name: verdict(run, Path(folder) / run.name) for run in runs}
    for name, said in verdicts.items():
        print(f"{name}: {said}")
    if not verdicts or set(verdicts.values()) != {"SUCCESS"}:
        sys.exit(1)


if __name__ == "__main__":
    main()
