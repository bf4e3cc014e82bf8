"""Draws kernel_names.txt: names of GPU functions from the installed CUDA libraries, where the rules are tested on them.

Run as `python tests/characterization/sample_kernels.py`; it needs `strings` and `c++filt` of binutils and a CUDA build
of torch, and no GPU. A line is a library's name, a tab, and a function's name as a profiler shows it.
"""

from __future__ import annotations

import random
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

SITE = Path(sysconfig.get_paths()["purelib"])
LONGEST, SHARE = 140, 220  # characters of a name; names of a library
LIBRARIES = {
    "cudnn_engines": "nvidia/cudnn/lib/libcudnn_engines_precompiled.so.9",
    "cudnn_ops": "nvidia/cudnn/lib/libcudnn_ops.so.9",
    "cudnn_adv": "nvidia/cudnn/lib/libcudnn_adv.so.9",
    "cublas": "nvidia/cu13/lib/libcublas.so.13",
    "cublasLt": "nvidia/cu13/lib/libcublasLt.so.13",
    "nccl": "nvidia/nccl/lib/libnccl.so.2",
    "torch_cuda": "torch/lib/libtorch_cuda.so",
}
PLAIN = re.compile(r"^(sm\d+_|cutlass|nvjet|cudnn_|ampere_|volta_|turing_|hopper_)\w*\d\w{8,}$")
STUB = re.compile(r"(\d+)(__device_stub_)(?=_Z)")  # the host's side of every kernel carries its mangled name


def names(library: Path) -> Iterator[str]:
    """The mangled names of the kernels of `library`."""
    text = subprocess.run(["strings", "-n", "8", library], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        if PLAIN.match(line):
            yield line
        elif stub := STUB.search(line):
            yield line[stub.end() : stub.start(2) + int(stub[1])]
        elif line.startswith("_Z") and "torch" not in library.name:
            yield line


def demangled(mangled: set[str]) -> list[str]:
    """As a profiler shows them: functions of the C++ kind only where they are whole."""
    done = subprocess.run(["c++filt"], input="\n".join(sorted(mangled)), capture_output=True, text=True, check=True)
    shown = (line for line in done.stdout.splitlines() if len(line) <= LONGEST and not line.startswith("_Z"))
    return sorted({line for line in shown if PLAIN.match(line) or line.startswith("void ") or "ncclDevKernel" in line})


def main() -> None:
    chosen: list[str] = []
    for name, place in LIBRARIES.items():
        found = [
            one
            for one in demangled(set(names(SITE / place)))
            if "stub" not in one and (name != "nccl" or "ncclDevKernel" in one)
        ]
        picked = random.Random(0).sample(found, min(SHARE if name != "torch_cuda" else 420, len(found)))
        chosen += [f"{name}\t{one}" for one in sorted(picked)]
        print(name, len(found), len(picked))
    Path(__file__).with_name("kernel_names.txt").write_text("\n".join(chosen) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
