"""What a run will take, and the self-test of what measures it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from aibench.commands.estimate import _show_estimates
from aibench.meters import trust
from aibench.meters.instruments import UNSTEADY
from aibench.meters.selftest import checks
from aibench.results.estimates import keep, kept
from aibench.training.forecast import STEPS, Probe, epochs_needed, forecast, probe
from tests.analysis.conftest import QUALITY, made_up
from tests.conftest import TINY

PROBED = Probe(2.0, 0.1, 1.5, 100, 4.0, None, "no sensor", 1000)


@pytest.fixture
def config(composed):
    return composed("task=image_classification", f"target.entire={QUALITY}", "target.max_epochs=20")


def test_the_range_is_the_prediction_interval_of_one_more_run(config):
    needed = [4.0, 5.0, 6.5, 5.5]
    mean, low, high, runs = epochs_needed(config, [made_up(epochs, seed) for seed, epochs in enumerate(needed)])
    half = stats.t.ppf(0.95, 3) * np.std(needed, ddof=1) * np.sqrt(1 + 1 / 4)
    assert (mean, low, high, runs) == pytest.approx(
        (np.mean(needed), np.mean(needed) - half, np.mean(needed) + half, 4)
    )


def test_without_earlier_runs_the_budget_is_all_that_is_known(config):
    others = [made_up(3.0, task="object_detection"), made_up(None)]
    assert epochs_needed(config, others) == (20.0, 1 / config.target.evaluations_per_epoch, 20.0, 0)


def test_a_forecast_adds_up_setup_steps_and_evaluations(config):
    found = forecast(config, PROBED, [made_up(5.0, 1), made_up(5.0, 2)])
    assert found.seconds == pytest.approx(2.0 + 5.0 * (100 * 0.1 + 4 * 1.5))
    assert (found.low, found.high) == pytest.approx((found.seconds, found.seconds))
    assert (found.joules, found.energy_reason) == (None, "no sensor")


def test_a_probe_trains_a_few_steps_and_evaluates_once(composed, tmp_path):
    probed = probe(composed(*TINY, f"output={tmp_path}"), steps=4)
    assert probed.batches == 6
    assert probed.step > 0
    assert [reason for reason in probed.reasons if "only 2 steady steps" in reason]  # as a run of so many says
    assert probed.evaluation > 0
    assert probed.checkpoint_bytes > 1000


@pytest.mark.parametrize("reasons", [[], ["other processes used 1.9 cores of the machine's 2"]])
def test_the_table_warns_as_a_run_does(config, capsys, reasons):
    _show_estimates([(config, forecast(config, replace(PROBED, reasons=reasons), []))])
    shown = " ".join(capsys.readouterr().out.split())
    assert ("* trust warn: " in shown) == bool(reasons)
    assert all(reason in shown for reason in reasons)


def test_a_probe_has_enough_steps_to_be_trusted():
    assert STEPS - UNSTEADY >= trust.STEPS


def test_the_preparation_is_shown_and_is_not_in_the_seconds(config, capsys):
    cold = forecast(config, replace(PROBED, preparation=321.0), [])
    assert cold.seconds == forecast(config, PROBED, []).seconds
    _show_estimates([(config, cold)])
    assert "preparation of the data, in no seconds above: 321 s" in capsys.readouterr().out


def test_a_kept_estimate_is_found_for_any_seed_and_not_for_another_model(composed, tmp_path):
    words = ("task=image_classification", f"data.cache={tmp_path}")
    keep(composed(*words), forecast(composed(*words), PROBED, []))
    assert kept(composed(*words, "seed=7")).seconds > 0
    assert kept(composed(*words, "model.width=48")) is None


def test_the_meters_pass_their_own_test():
    failed = [check for check in checks() if not check.passed and "overhead" not in check.name]
    assert [check for check in failed if "sleeps" not in check.name] == []  # a busy machine may be late
