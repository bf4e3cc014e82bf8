"""How long the analyses take to read many results: 100,000 in 20 seconds or less, and twice as many in twice the time.

    python benchmarks/reading.py [--counts 12500,25000,50000,100000] [--folder FOLDER]

Writes that many results, copies of the committed study's with other seeds, learning rates and run ids, and makes the
variation table of them, each count in a process of its own. The files stay in the page cache, as they do after a sweep.
On a busy machine the processor's seconds (of all processes, with their start) say more than the wall's.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

STUDY = Path(__file__).parents[1] / "experiments" / "run_to_run_variation" / "results"
SEEDS = 10  # runs of one configuration


def write(folder: Path, count: int) -> None:
    """Write `count` results below `folder`, ten seeds to a configuration."""
    originals = [json.loads(path.read_text()) for path in sorted(STUDY.glob("*.json"))]
    for number in range(count):
        result = originals[number // SEEDS % len(originals)]
        seed = number % SEEDS + 1
        result |= {"run_id": f"{number:012x}", "seed": seed}
        result["config"] |= {"seed": seed, "output": f"runs/{number}"}
        result["config"]["optim"]["lr"] = 0.001 * (1 + number // SEEDS)
        result["history"][0]["seconds"] = 1e-6 * number
        place = folder / f"{number // 1000:03d}" / f"{number:06d}"
        place.mkdir(parents=True)
        (place / "result.json").write_text(json.dumps(result, indent=1))


def measure(folder: Path) -> None:
    """Read what lies below `folder` and make its table; print seconds, runs, rows and memory as JSON."""
    from aibench.analysis.runs.reader import read_runs
    from aibench.analysis.variation.rows import variation

    start = time.perf_counter()
    found = read_runs([folder])
    read = time.perf_counter() - start
    rows = variation(found.runs)
    whole = time.perf_counter() - start
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    processor = own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime
    print(json.dumps([len(found.runs), len(rows), read, whole, processor, own.ru_maxrss / 2**20]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="12500,25000,50000,100000")
    parser.add_argument("--folder", type=Path, help="Where to write; a temporary folder unless given.")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.measure:
        measure(words.measure)
        return
    table = Table("results", "rows", "reading, s", "with the table, s", "us a result", "processor, s", "memory, GiB")
    with tempfile.TemporaryDirectory(dir=words.folder) as root:
        for count in map(int, words.counts.split(",")):
            folder = Path(root) / str(count)
            write(folder, count)
            again = [sys.executable, __file__, "--measure", str(folder)]
            printed = subprocess.run(again, capture_output=True, text=True, check=True).stdout
            runs, rows, read, whole, processor, memory = json.loads(printed)
            assert runs == count
            took = (f"{read:.1f}", f"{whole:.1f}", f"{1e6 * whole / runs:.0f}", f"{processor:.1f}")
            table.add_row(f"{runs:,}", f"{rows:,}", *took, f"{memory:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
