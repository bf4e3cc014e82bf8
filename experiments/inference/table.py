"""One table of many serving sessions, from their files.

python experiments/inference/table.py INFERENCE.JSON... --markdown FILE --csv FILE
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aibench.analysis.serving import table
from aibench.results.inference import read_inference


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--markdown", type=Path, required=True)
    parser.add_argument("--csv", type=Path, required=True)
    words = parser.parse_args()
    grid = table((None, read_inference(path)) for path in words.files)
    assert grid is not None, "every session has a scenario"
    words.markdown.write_text(grid.markdown(), encoding="utf-8")
    grid.write_csv(words.csv)


if __name__ == "__main__":
    main()
