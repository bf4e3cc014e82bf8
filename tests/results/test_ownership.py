"""A run removes and overwrites what it made itself, and nothing else, at whichever stage it is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aibench.commands.train import run_job
from aibench.config import ConfigError, RunConfig
from aibench.contract import DataError
from aibench.results import folder as folders
from aibench.results.made import making, take_back
from aibench.results.result import Status, read_result
from aibench.training import session
from aibench.training.requirements import missing
from aibench.training.resume import refuse_folder
from tests.conftest import TINY

WORDS = (*TINY, "session=epochs", "epochs=1")


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below `folder`, links not followed."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def of_a_user(folder: Path) -> Path:
    """A folder with content at several depths, hidden files, an empty folder and links."""
    (folder / "thesis" / "chapters").mkdir(parents=True)
    (folder / "thesis" / "chapters" / "notes.txt").write_text("ten years of work")
    (folder / "empty").mkdir()
    (folder / ".hidden").write_text("also mine")
    (folder / "link").symlink_to(folder / "thesis")
    (folder / "dangling").symlink_to(folder / "nowhere")
    return folder


def refuse_data(self: object, *arguments: object) -> None:
    raise DataError("picture.png: cut off.")


def refuse_device(config: RunConfig) -> None:
    raise ConfigError("hardware.accelerator=gpu: no GPU here.")


def refuse_key(*arguments: object) -> None:
    raise ConfigError("tracking.mode=online: no API key.")


STAGES = {
    "device": ("aibench.training.run.require_device", refuse_device),
    "data": ("aibench.training.session.TrainBatches", refuse_data),
    "tracker": ("aibench.training.run.tracking", refuse_key),
    "training": ("aibench.training.session.Session.fit", refuse_data),
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("there", ["nothing", "files", "a link to files"])
def test_a_refused_run_leaves_the_folder_as_it_was(stage, there, composed, tmp_path, monkeypatch):
    monkeypatch.setattr(*STAGES[stage])
    folder = tmp_path / "made" / "too" / "run" if there == "nothing" else of_a_user(tmp_path / "mine")
    if there == "a link to files":
        folder = tmp_path / "named"
        folder.symlink_to(tmp_path / "mine")
    before = tree(tmp_path)
    making(folder)
    folder.mkdir(parents=True, exist_ok=True)  # by Hydra
    config = composed(*WORDS, "hardware.telemetry_hz=100", "tracking=tensorboard")
    assert run_job(config, folder, in_sweep=False) == 1
    assert tree(tmp_path) == before


def test_the_current_folder_is_no_exception(composed, tmp_path, monkeypatch):
    monkeypatch.setattr(*STAGES["data"])
    monkeypatch.chdir(of_a_user(tmp_path))
    before = tree(tmp_path)
    assert run_job(composed(*WORDS), Path(), in_sweep=False) == 1
    assert tree(tmp_path) == before


def test_what_somebody_else_put_into_the_folder_meanwhile_stays(tmp_path):
    making(tmp_path / "a" / "run" / "telemetry.csv")
    (tmp_path / "a" / "run").mkdir(parents=True)
    (tmp_path / "a" / "run" / "telemetry.csv").touch()
    (tmp_path / "a" / "run" / "notes.txt").write_text("of somebody else")
    take_back(tmp_path / "a" / "run")
    assert tree(tmp_path) == {"a": None, "a/run": None, "a/run/notes.txt": b"of somebody else"}


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_file_by_the_name_of_one_of_ours_is_never_written_over(kind, composed, tmp_path):
    configs = [composed(*WORDS, f"resume={resume}") for resume in ("auto", "never")]
    for name in (*folders.FILES, folders.LOCK):
        path = tmp_path / name.lstrip(".") / name
        path.parent.mkdir()
        match kind:
            case "file":
                path.write_text("mine")
            case "folder":
                path.mkdir()
            case "link":
                path.symlink_to(tmp_path)
        before = tree(path.parent)
        for config in configs:
            with pytest.raises(ConfigError, match=rf"^output=\S+: holds {name}"):
                refuse_folder(config, path.parent)  # before the folder is made
            try:
                assert run_job(config, path.parent, in_sweep=True) == 1  # and in a job of a sweep
            except ConfigError as error:
                assert name in str(error)  # noqa: PT017 - either way it is refused
        assert tree(path.parent) == before


def test_a_folder_that_takes_no_file_is_refused_in_one_line(composed, tmp_path, monkeypatch, capsys):
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders, "write_atomically", full)
    assert run_job(composed(*WORDS), tmp_path, in_sweep=False) == 1
    said = f"aibench: output={tmp_path}: cannot be written to: No space left on device. Choose another folder.\n"
    assert capsys.readouterr().err == said
    assert tree(tmp_path) == {}


def test_a_sweep_refuses_files_of_others_in_the_folders_of_its_runs(composed, tmp_path):
    (tmp_path / "0_image_classification_seed1").mkdir()
    (tmp_path / "0_image_classification_seed1" / "figure.png").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds figure\.png, which no run made"):
        refuse_folder(composed(*WORDS), tmp_path)


def test_a_run_shares_a_folder_with_files_of_others_and_goes_on_there(composed, tmp_path, monkeypatch):
    before = tree(of_a_user(tmp_path))

    def killed(*arguments: object) -> None:
        (tmp_path / "telemetry.csv").write_text("time\n")
        raise SystemExit  # past every clean-up of a result

    with monkeypatch.context() as patch:
        patch.setattr(session.Session, "fit", killed)
        with pytest.raises(SystemExit):
            run_job(composed(*WORDS), tmp_path, in_sweep=False)
    refuse_folder(composed(*WORDS), tmp_path)  # what it left is its own
    assert run_job(composed(*WORDS, "resume=auto"), tmp_path, in_sweep=False) == 0
    assert read_result(tmp_path).status is Status.completed
    assert {name: content for name, content in tree(tmp_path).items() if name in before} == before
    assert not list(tmp_path.glob(".run")), "the mark of an unfinished run was left behind"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("hardware=gpu",), "hardware.accelerator=gpu: no GPU here"),
        (("hardware=auto", "hardware.precision=tf32"), "hardware.precision=tf32: no GPU here"),
        (("hardware=auto", "hardware.precision=fp16"), "hardware.precision=fp16: no GPU here"),
        (("tracking=wandb", "tracking.mode=online"), "tracking.mode=online: no API key"),
        (("tracking=tensorboard",), "tracking=tensorboard: not installed"),
    ],
)
def test_what_is_missing_is_known_before_the_folder_is_made(
    words: tuple[str, ...], line: str, composed: Callable[..., RunConfig], tmp_path: Path, monkeypatch
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("WANDB")] + ["NETRC"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert [found[: len(line)] for found in missing(composed(*WORDS, *words))] == [line]
    if not line.startswith("tracking"):
        assert list(missing(composed(*WORDS, *words), elsewhere=True)) == []
