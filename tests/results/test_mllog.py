"""MLPerf's own checker reads the logs of every task."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from aibench.composition import registry
from aibench.composition.compose import suite_config
from aibench.config import Session, plain
from aibench.results import mllog
from aibench.results.division import Rules
from aibench.results.mllog_rules import write_rules
from aibench.results.result import Division, Evaluation, Phase, Result, Status, Target, read_result
from aibench.training.run import train
from tests.analysis.conftest import made_up
from tests.conftest import TINY


def compliance(log: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m mlperf_logging.compliance_checker`, as a user would run it."""
    command = [sys.executable, "-m", "mlperf_logging.compliance_checker", *words, str(log)]
    return subprocess.run(command, cwd=log.parent, capture_output=True, text=True, check=False)


H200 = {"name": "NVIDIA H200"}


@pytest.mark.parametrize(
    ("system", "accelerator", "platform"),
    [
        ({"cpu": "EPYC", "gpu": None}, "auto", "EPYC"),
        ({"cpu": "EPYC", "gpu": H200}, "auto", "1xNVIDIA H200"),
        ({"cpu": "EPYC", "gpu": H200}, "cpu", "EPYC"),
        ({"cpu": "EPYC", "gpu": H200, "accelerators": {"used": 0, "visible": 8}}, "auto", "EPYC"),
        ({"cpu": "EPYC", "gpu": H200, "accelerators": {"used": 1, "visible": 8}}, "auto", "1xNVIDIA H200"),
        ({"cpu": "EPYC", "gpu": H200, "accelerators": {"used": 8, "visible": 8}}, "gpu", "8xNVIDIA H200"),
    ],
)
def test_the_platform_is_what_the_run_computed_on(system, accelerator, platform):
    run = replace(made_up(config={"hardware": {"accelerator": accelerator}}), system=system)
    assert f'"submission_platform", "value": "{platform}"' in "".join(mllog.lines(run))


def run_of(task: str) -> Result:
    """A made-up run of `task` that reached its target."""
    suite = suite_config(task, "mini")
    target = suite.target
    value = target.entire
    worse = value - 0.01 if target.mode == "max" else value + 0.01
    return made_up(
        task=task,
        config=plain(suite),
        division=Division("closed"),
        target=Target(target.metric, str(target.mode), value, "calibrated"),
        history=[
            Evaluation(epochs, round(100 * epochs), round(1000 * epochs), 10 * epochs, 9 * epochs, "training", {
                target.metric: metric
            })
            for epochs, metric in ((0.5, worse), (1.0, value))
        ],
        phases=[Phase("training", 100, 1000, 9.0, 1000)],
    )  # fmt: skip


@pytest.mark.parametrize("task", registry.task_names())
def test_the_stock_checker_says_success_and_misses_a_key_that_is_deleted(task, tmp_path):
    from mlperf_logging.compliance_checker import mlp_compliance

    rules = write_rules(suite_config(task, "mini"), tmp_path / "rules")
    log = mllog.lines(run_of(task))

    def passes(name: str, lines: list[str]) -> bool:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        checker = mlp_compliance.make_checker("training", "6.1.0", True, False)
        return bool(mlp_compliance.main(str(path), str(rules), checker)[0])

    assert passes("whole.txt", log)
    assert not passes("short.txt", [line for line in log if '"train_samples"' not in line])
    reached = suite_config(task, "mini").target.entire
    assert not passes("missed.txt", [line for line in log if f'"value": {json.dumps(reached)}' not in line])


def test_a_session_leaves_a_log_that_the_command_accepts(composed, tmp_path):
    config = composed(*TINY, "target.entire=0.0")
    assert config.session is Session.entire
    own = Rules.of(config, registry.data_class(config.task)(config).fingerprint())
    train(config, tmp_path, own, Console(quiet=True))
    rules = write_rules(config, tmp_path / "rules")
    done = compliance(tmp_path / mllog.MLLOG, "--config", str(rules))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout + done.stderr
    result = read_result(tmp_path)
    events = [json.loads(line.removeprefix(mllog.PREFIX)) for line in (tmp_path / mllog.MLLOG).read_text().splitlines()]
    start, stop = (next(event for event in events if event["key"] == f"run_{end}") for end in ("start", "stop"))
    assert (stop["time_ms"] - start["time_ms"]) / 1000 == pytest.approx(result.to_quality.seconds, abs=0.002)
    assert [event["value"] for event in events if event["key"] == "eval_accuracy"] == [result.quality]


def test_under_mlperfs_name_the_classification_log_passes_mlperfs_own_rules(tmp_path):
    result = run_of("image_classification")
    result.history[-1].metrics[result.target.metric] = 0.76
    sgd = {
        "opt_name": "sgd",
        "sgd_opt_base_learning_rate": 0.1,
        "sgd_opt_end_learning_rate": 0.0001,
        "sgd_opt_learning_rate_decay_poly_power": 2,
        "sgd_opt_learning_rate_decay_steps": 1000,
        "sgd_opt_weight_decay": 0.0001,
        "sgd_opt_momentum": 0.9,
        "model_bn_span": 256,
        "opt_learning_rate_warmup_epochs": 5,
    }
    log = tmp_path / "result_0.txt"
    log.write_text("\n".join(mllog.lines(result, "resnet", sgd)) + "\n")
    done = compliance(log, "--ruleset", "4.0.0")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_missed_run_is_aborted():
    result = made_up(None)
    last = json.loads(mllog.lines(result)[-1].removeprefix(mllog.PREFIX))
    assert result.status is Status.not_converged
    assert (last["key"], last["metadata"]["status"]) == ("run_stop", "aborted")
