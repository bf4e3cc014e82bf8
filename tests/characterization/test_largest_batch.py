"""`aibench batch`: sizes double, then the gap is halved; what does not fit ends a try and nothing else."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from aibench.characterization import largest_batch
from aibench.characterization.largest_batch import Job, Try, answer, search, tried
from aibench.commands.app import app
from aibench.config import ConfigError

TINY = ["task=image_classification", "hardware=cpu", "hardware.threads=1", "data.train_size=4", "data.val_size=4"]


def machine(fits, *, wrong=(), asked=None):
    """A machine that holds batches of up to `fits` samples, and where sizes in `wrong` cannot be trained at all."""

    def attempt(size):
        if asked is not None:
            asked.append(size)
        if size in wrong:
            return Try(size, size, reason="ValueError: expected more than one value")
        if size > fits:
            return Try(size, size, reason="needs more memory", memory=True)
        return Try(size, size, size, 100 * size, 10.0)

    return attempt


@pytest.mark.parametrize("fits", [1, 2, 3, 5, 64, 100, 1023, 1024, 1025, 54_321])
def test_the_largest_size_that_fits_is_found_in_few_tries(fits):
    tries = search(machine(fits), None, 0.0)
    assert answer(tries).size == fits
    assert len(tries) <= 2 * fits.bit_length() + 1
    assert len({one.size for one in tries}) == len(tries)


def test_the_search_ends_within_the_asked_share():
    tries = search(machine(54_321), None, 0.05)
    assert 0.95 * 54_321 <= answer(tries).size <= 54_321
    assert len(tries) < len(search(machine(54_321), None, 0.0))


def test_no_more_than_all_samples_are_tried():
    asked = []
    tries = search(machine(10**9, asked=asked), 1_000, 0.0)
    assert answer(tries).size == asked[-1] == 1_000


def test_small_sizes_that_cannot_be_trained_are_passed_over():
    assert answer(search(machine(37, wrong=(1, 2)), None, 0.0)).size == 37
    assert answer(search(machine(37, wrong=range(10**6)), None, 0.0)) is None
    assert answer(search(machine(0), None, 0.0)) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task=recommendatio"], "task=recommendatio: no workload 'recommendatio'. Did you mean recommendation?"),
        (["task=all"], "task=all: 17 workloads. Give one."),
        (["task=recommendation", "data.batch_size=8"], "data.batch_size=8: is what is searched for. Leave it out."),
        (["task=recommendation", "model.typo=1"], "model.typo"),
        (["scale=mini"], "task: no value"),
    ],
)
def test_what_cannot_be_tried_is_refused_in_one_line(words, said):
    found = CliRunner().invoke(app, ["batch", *words])
    assert found.exit_code == 1
    assert said in found.output
    assert len(found.output.splitlines()) == 1


def test_the_table_has_a_row_for_each_try_and_the_answer(monkeypatch, tmp_path):
    attempt = machine(3)
    monkeypatch.setattr(largest_batch, "tried", lambda _, size: attempt(size))
    found = CliRunner().invoke(app, ["batch", *TINY, "--memory", "2", "--csv", str(tmp_path / "table.csv")])
    assert found.exit_code == 0, found.output
    assert "The largest batch that fits within 2 GiB: data.batch_size=3. Of 4: needs more memory." in found.output
    assert [line.split(",")[0] for line in (tmp_path / "table.csv").read_text().splitlines()[1:]] == [
        "1",
        "2",
        "3",
        "4",
    ]


def test_the_settings_of_the_machine_reach_the_process_that_tries(monkeypatch):
    given = []

    def noted(names, scale, device, words, fast):
        given.append((names, device, words[-1], fast))
        raise ConfigError("no more is wanted")

    monkeypatch.setattr(largest_batch, "Selection", noted)
    monkeypatch.setattr(largest_batch, "tried", lambda job, size: largest_batch._measured(job, Try(size, size)))
    found = CliRunner().invoke(app, ["batch", TINY[0], "hardware=cpu_fast", *TINY[2:], "--memory", "2"])
    assert found.exit_code == 1
    assert given[0] == (["image_classification"], "cpu", "data.batch_size=1", "cpu_fast")


@pytest.mark.slow  # two processes that load the libraries, and train a few steps
def test_a_try_trains_and_one_without_memory_ends_alone():
    job = Job("image_classification", "mini", "cpu", TINY[2:], 4 * 2**30)
    found = tried(job, 4)
    assert found.reason is None, found
    assert found.samples == 4
    assert 2**27 < found.bytes < 4 * 2**30
    assert found.rate > 0
    starved = tried(Job(job.name, job.scale, job.device, job.words, 2**20), 4)
    assert starved.memory, starved
    assert tried(job, 5).reason.startswith("data.batch_size=5: larger than the 4 samples")
