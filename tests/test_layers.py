"""The rooms of the package, what each may import, and that no room knows another's name."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aibench.composition import registry
from tests.conftest import ROOT

PACKAGE = ROOT / "aibench"
FILES = sorted(PACKAGE.rglob("*.py"))

# Room by room, from the ground up: the rooms that its files may import besides their own. CONTRIBUTING.md has the map.
MAY_IMPORT: dict[str, set[str]] = {
    "__init__": set(),
    "choices": set(),
    "metrics": set(),
    "world": set(),
    "config": {"choices"},
    "datasets": {"config"},
    "nn": {"config"},
    "results": {"config"},
    "contract": {"config", "datasets"},
    "vision": {"config", "datasets"},
    "text": {"config", "contract"},
    "interactions": {"contract", "datasets"},
    "composition": {"config", "contract"},
    "meters": {"config", "contract", "results", "world"},
    "analysis": {"choices", "results", "__init__"},
    "tasks": {"config", "contract", "datasets", "metrics", "nn", "vision", "text", "interactions"},
    "tracking": {"config", "composition", "results"},
    "training": {"config", "contract", "composition", "meters", "nn", "results", "tracking", "world", "__init__"},
    "serving": {"config", "contract", "composition", "meters", "results", "training"},
    "characterization": {"config", "contract", "composition", "meters", "nn", "results", "training"},
    "api": {"config", "results", "contract", "composition", "analysis", "training", "serving"},
    "commands": {
        *(
            "config",
            "datasets",
            "results",
            "contract",
            "composition",
            "meters",
            "analysis",
            "tracking",
            "training",
            "serving",
            "choices",
            "__init__",
        ),
        *("characterization", "world"),
    },
    "cli": {"composition", "commands"},
    "conf": set(),
    # Addresses of before, for the users' scripts; nothing of ours may import them.
    "registry": {"composition"},
    "compose": {"composition"},
    "result": {"results"},
}
# Inside analysis/, from the ground up.
WITHIN_ANALYSIS: dict[str, set[str]] = {
    "grid": set(),
    "drawn": set(),
    "paper": set(),
    "spread": set(),
    "serving": {"grid"},
    "calibration": set(),
    "checking": set(),
    "runs": set(),
    "scaling": {"drawn", "grid", "runs", "spread"},
    "variation": {"drawn", "grid", "paper", "runs", "spread"},
    "cost": {"grid", "runs", "spread", "variation"},
    "comparison": {"grid", "runs", "spread", "variation"},
    "ranking": {"comparison", "drawn", "grid", "runs", "variation"},
    "submission": {"comparison", "grid", "runs", "variation"},
    "published": {"grid", "variation"},
    "reproduction": {"grid", "runs", "spread", "variation"},
    "workloads": {"drawn", "grid", "runs", "variation"},
    "subset": {"cost", "grid", "paper", "runs", "spread", "workloads"},
    "report": {"cost", "drawn", "grid", "paper", "ranking", "runs", "scaling", "serving", "spread", "variation"},
    "summary": {"cost", "report", "runs", "variation"},
}
FORWARDING = {"registry", "compose", "result"}


def imports(path: Path) -> set[str]:
    """What `path` imports, inside functions and under TYPE_CHECKING too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def module(path: Path, package: Path = PACKAGE) -> str:
    return ".".join(("aibench", *path.relative_to(package).with_suffix("").parts)).removesuffix(".__init__")


def room(path: Path, package: Path = PACKAGE) -> str:
    return path.relative_to(package).with_suffix("").parts[0]


def room_of(name: str) -> str:
    """The room of the module or name `aibench...`; what stands in no room belongs to the package itself."""
    first = name.split(".")[1] if "." in name else "__init__"
    return first if (PACKAGE / first).is_dir() or (PACKAGE / f"{first}.py").is_file() else "__init__"


def strays(files: list[Path], package: Path = PACKAGE) -> list[str]:
    return sorted({room(path, package) for path in files} - MAY_IMPORT.keys())


def forbidden(path: Path, package: Path = PACKAGE) -> list[str]:
    own = room(path, package)
    allowed = MAY_IMPORT[own] | {own}
    ours = [name for name in imports(path) if name == "aibench" or name.startswith("aibench.")]
    return sorted(name for name in ours if name != "aibench" and room_of(name) not in allowed)


def circles(files: list[Path], package: Path = PACKAGE) -> list[str]:
    """The first circle among the modules of `files`, as their names; a package's face counts where it is named."""
    known = {module(path, package): path for path in files}
    graph = {name: {used for used in imports(path) if used in known and used != name} for name, path in known.items()}
    for name, path in known.items():  # `from package import module` names the face too, and uses the module alone
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and all(f"{node.module}.{alias.name}" in known for alias in node.names):
                graph[name].discard(str(node.module))
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_every_file_stands_in_a_room_of_the_table():
    assert strays(FILES) == [], "a new file belongs into a room, and a new room into MAY_IMPORT"
    gone = [name for name in MAY_IMPORT if not ((PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file())]
    assert gone == []


def test_the_table_of_rooms_has_no_circle():
    graphlib.TopologicalSorter(MAY_IMPORT).prepare()
    assert not [name for name, allowed in MAY_IMPORT.items() if allowed & FORWARDING]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_an_import_points_to_a_lower_floor(path):
    assert forbidden(path) == []


def test_the_rooms_of_the_analysis_have_floors_too():
    graphlib.TopologicalSorter(WITHIN_ANALYSIS).prepare()
    folder = PACKAGE / "analysis"
    for path in sorted(folder.rglob("*.py")):
        own = room(path, folder)
        if own != "__init__":
            used = {name.split(".")[2] for name in imports(path) if name.startswith("aibench.analysis.")}
            assert used <= WITHIN_ANALYSIS[own] | {own}, path


@pytest.mark.parametrize("name", [name for name in MAY_IMPORT if (PACKAGE / name).is_dir() and name != "conf"])
def test_the_face_of_a_room_says_what_it_may_import(name):
    docstring = ast.get_docstring(ast.parse((PACKAGE / name / "__init__.py").read_text()))
    last = docstring.split("May import ")[1].replace("aibench.__version__", "__init__")
    assert set(re.findall(r"`(\w+)`", last)) == MAY_IMPORT[name]


def test_the_map_in_contributing_is_the_table():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|.*\| ([^|]*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    said = {name: set(re.findall(r"`(\w+)`", allowed)) for _, name, allowed in rows}
    assert said == {name: allowed - {"__init__"} for name, allowed in MAY_IMPORT.items() if name in said}
    assert MAY_IMPORT.keys() - said.keys() == {"__init__", "conf", *FORWARDING}
    floor = {name: int(number) for number, name, _ in rows}
    assert all(floor[below] < floor[name] for name, allowed in said.items() for below in allowed)


def test_no_module_imports_itself_by_way_of_others():
    assert circles(FILES) == []


def test_a_stray_file_an_upward_import_and_a_circle_are_found(tmp_path):
    package = tmp_path / "aibench"
    (package / "nn").mkdir(parents=True)
    for name, text in {
        "loose.py": "",
        "nn/up.py": "def lazily():\n    from aibench.training import run\n",
        "nn/a.py": "import aibench.nn.b",
        "nn/b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from aibench.nn import a",
    }.items():
        (package / name).write_text(text)
    files = sorted(package.rglob("*.py"))
    assert strays(files, package) == ["loose"]
    assert forbidden(package / "nn/up.py", package) == ["aibench.training", "aibench.training.run"]
    assert set(circles(files, package)) == {"aibench.nn.a", "aibench.nn.b"}


def test_hydra_is_known_to_composition_and_the_verbs_alone():
    for path in FILES:
        if room(path) not in ("composition", "commands", "cli"):
            assert not {name for name in imports(path) if name.split(".")[0] == "hydra"}, path


def test_no_task_imports_another():
    for task in registry.task_names():
        for path in (registry.TASKS / task).rglob("*.py"):
            others = [name for name in imports(path) if name.startswith("aibench.tasks.")]
            assert all(name.startswith(f"aibench.tasks.{task}") for name in others), path


def test_nothing_outside_the_rooms_names_a_task():
    names = re.compile("|".join(rf"\b{task}\b" for task in registry.task_names()))
    outside = [path for path in FILES if registry.TASKS not in path.parents and path.name not in ("paper.py", "cli.py")]
    named = [path.relative_to(ROOT) for path in outside if names.search(path.read_text())]
    assert named == [], "the runner asks a task and never knows its name"


def test_analysis_imports_neither_torch_nor_tasks():
    modules = sorted(module(path) for path in FILES if room(path) == "analysis")
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pytorch_lightning", "hydra", "omegaconf"} & set(loaded)


def test_registering_the_tasks_imports_nothing_heavy():
    code = "import sys; from aibench.commands import hooks, train; from aibench.composition import registry; "
    code += "registry.register([]); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pytorch_lightning", "wandb", "numpy", "pandas"} & set(loaded)


def body(function: ast.FunctionDef) -> int:
    """How many lines a function has, its signature and docstring aside."""
    first = function.body[1 if ast.get_docstring(function) and len(function.body) > 1 else 0]
    return function.end_lineno - first.lineno + 1


def test_files_and_functions_are_short():
    long = []
    for path in FILES:
        text = path.read_text()
        if len(text.splitlines()) > 300:
            long.append(f"{path.relative_to(ROOT)}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and body(node) >= 40:
                long.append(f"{path.relative_to(ROOT)}: {node.name}, {body(node)} lines")
    assert long == []


def test_every_task_has_a_card():
    for task in registry.task_names():
        assert (ROOT / "docs" / "tasks" / f"{task}.md").is_file()


def test_a_test_stands_in_the_room_that_it_tests():
    rooms = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and list(path.glob("test_*.py"))}
    assert rooms <= MAY_IMPORT.keys()
    of_all = {"contract", "layers", "golden", "experiments", "language", "links", "order", "site", "texts"}
    loose = {path.stem.removeprefix("test_") for path in (ROOT / "tests").glob("test_*.py")}
    assert loose <= of_all, "a test of one room stands in that room's folder"
