"""What `import aibench` offers is light, documented and typed, and does what the command does."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys

import pandas as pd
import pytest
import torch

import aibench
import aibench.results.result
from aibench.api import reading, running
from aibench.composition.words import as_word, parsed
from aibench.results.result import read_result
from tests.conftest import ROOT, TINY

STUDY = ROOT / "experiments" / "run_to_run_variation" / "results"
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
NAMES = [name for name in aibench.__all__ if name != "__version__"]


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, aibench; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pandas", "numpy", "hydra", "pydantic", "aibench.api"} & set(loaded)


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_there_documented_and_typed(name):
    found = getattr(aibench, name)
    assert callable(found)
    assert inspect.getdoc(found)
    assert f"| `aibench.{name}" in PAGE
    typed = ast.parse((ROOT / "aibench" / "__init__.pyi").read_text())
    assert name in {alias.asname for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_the_page_shows_the_signatures_as_they_are():
    shown = {"train": running.train, "serve": running.serve, "results": reading.results, "history": reading.history}
    for name, function in shown.items():
        arguments = ", ".join(str(one).split(":")[0] for one in inspect.signature(function).parameters.values())
        defaults = {"output": "output=None", "progress": "progress=True"}
        said = ", ".join(defaults.get(argument, argument) for argument in arguments.split(", "))
        assert f"`aibench.{name}({said})`" in PAGE


def test_a_name_that_is_not_offered_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'trained'"):
        _ = aibench.trained


def test_results_are_a_table_of_numbers_with_the_columns_of_the_page():
    table = aibench.results(STUDY)
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == list(reading.COLUMNS)
    assert [name for name in table.columns if f"`{name}`" not in PAGE] == []
    assert len(table) == len(list(STUDY.glob("*.json")))
    row = table.iloc[5]
    result = read_result(aibench.results.result.Path(row["file"]))
    assert row["epochs_to_quality"] == result.to_quality.epochs
    assert row["throughput"] == result.throughput.training.value
    assert row["process_memory"] == result.memory.process.value
    assert pd.isna(row["joules"])  # measured by no sensor: missing, and not 0
    assert table["joules"].dtype == float


def test_the_history_has_a_row_for_each_evaluation():
    file = sorted(STUDY.glob("*.json"))[0]
    result, table = read_result(file), aibench.history(file)
    assert list(table[result.target.metric]) == [point.metrics[result.target.metric] for point in result.history]
    assert list(table["seconds"]) == [point.seconds for point in result.history]


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(aibench.ResultError, match="holds no result"):
        aibench.results(tmp_path)


def test_a_file_that_cannot_be_read_is_a_warning(tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "result.json").write_text("{")
    with pytest.warns(UserWarning, match="bad/result.json: not a whole JSON object"):
        assert len(aibench.results(sorted(STUDY.glob("*.json"))[0], tmp_path)) == 1


@pytest.mark.parametrize(
    "value", [None, True, 3, 0.5, 1e-07, "text", "null", "a b", 'it\'s "so"', "a,b", "\\", ["x y", 1], {"a": "b c"}, ""]
)
def test_a_value_of_python_is_read_as_itself_by_hydra(value):
    assert parsed([as_word("key", value)])[0].value() == value


def test_a_sweep_is_refused():
    with pytest.raises(aibench.ConfigError, match=r"-m: a flag\. Call train once for each run"):
        aibench.train("-m", "task=image_classification")


@pytest.mark.slow
def test_what_is_trained_is_loaded_and_served(tmp_path, capsys):
    words = [word for word in TINY if not word.startswith("progress")]
    run = aibench.train(*words, seed=2, output=tmp_path / "a run", **{"target.max_epochs": 1})
    assert run.result.seed == 2
    assert run.result.target.metric in capsys.readouterr().out
    torch.manual_seed(7)
    before = torch.get_rng_state()
    loaded = aibench.load(run.folder)
    assert torch.equal(torch.get_rng_state(), before)
    assert not loaded.module.training
    best = torch.load(run.folder / "best.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(value, best[name]) for name, value in loaded.module.state_dict().items())
    assert len(loaded.module.infer(loaded.batch(3))) == 3
    served = aibench.serve(run, scenario="single_stream,offline", queries=3)
    assert [one.name for one in served.scenarios] == ["single_stream", "offline"]
    assert not (run.folder / "inference.json").exists()
    with pytest.raises(aibench.ConfigError, match="task=nothing: no such option"):
        aibench.train("task=nothing", progress=False)
    (run.folder / "best.ckpt").unlink()
    (run.folder / "last.ckpt").unlink()
    with pytest.raises(aibench.ConfigError, match="holds neither"):
        aibench.load(run)


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(ROOT / "docs" / "python.ipynb", as_version=4)
    told = [text(cell) for cell in notebook.cells if cell.cell_type == "code"]
    nbclient.NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    again = [text(cell) for cell in notebook.cells if cell.cell_type == "code"]
    assert [len(outputs) for outputs in again] == [len(outputs) for outputs in told]
    assert told[0] == again[0], "the run reads as the notebook shows it"
    assert again[-1] == told[-1]


def text(cell):
    return [output.get("text", sorted(output.get("data", {}))) for output in cell.outputs]
