"""Judges the test part once a session has ended, and tells how far chance in the held-out samples moves a quality."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from aibench.contract import DataError, Scores
from aibench.results.result import HeldOut, Measured

if TYPE_CHECKING:
    from aibench.training.session import Session

DRAWS = 200
NO_SCORES = "the task does not tell what each held-out sample adds"
NO_TEST = "these data have no test part"
NO_EVALUATION = "nothing was evaluated in this process"


def judged(session: Session) -> HeldOut | None:
    """Return the standard error of the quality, and the quality on the test part; None where nothing was evaluated.

    The test part is read here for the first time, after the session's clock has stopped: it decides nothing.
    """
    if session.recorder is None or not session.recorder.record.history:
        return None
    scores = session.recorder.scores
    error = standard_error(scores, None if session.recorder.was_evaluated else NO_EVALUATION)
    if "test" not in session.data.parts:
        return _without_test(scores, error, NO_TEST)
    try:
        value = _on_test(session)
    except DataError as fault:  # what was measured stands; nothing of it was read from the test part
        return _without_test(scores, error, str(fault))
    if not math.isfinite(value):
        return _without_test(scores, error, session.module.unmeasured or "not finite")
    found = session.module.sample_scores()
    test = Measured(value, "1", "one evaluation after the session, by its last weights")
    return HeldOut(_count(scores), error, test, _count(found), standard_error(found))


def _without_test(scores: Scores | None, error: Measured, reason: str) -> HeldOut:
    return HeldOut(_count(scores), error, _none(reason), None, _none(reason))


def standard_error(scores: Scores | None, missing: str | None = None) -> Measured:
    """Return the standard error of a metric over held-out samples, by the bootstrap (Efron, 1979).

    The draws come from a generator of their own, with a fixed seed: the number is a function of the samples.

    Args:
        scores: What each sample adds to the metric.
        missing: Why there are no scores, where the reason is another than that the task does not tell.
    """
    if scores is None or missing is not None:
        return _none(missing or NO_SCORES)
    count = len(scores)
    if count < 2:
        return _none(f"{count} held-out sample: nothing to draw from")
    generator = np.random.default_rng(0)
    values = np.array([scores.value(generator.integers(count, size=count)) for _ in range(DRAWS)])
    known = values[np.isfinite(values)]
    if len(known) < DRAWS / 2:
        return _none("not finite over most draws of the held-out samples")
    return Measured(float(known.std(ddof=1)), "1", f"bootstrap, {DRAWS} draws of {count} held-out samples")


def _on_test(session: Session) -> float:
    """Return the target's metric on the test part."""
    module = session.module
    module.judging = "test"
    try:
        batches = session.judging("test")
        if session.ranks.size > 1:
            module.first_of_batches = batches.first
        session.evaluator().validate(module, batches, verbose=False)
        return float(module.trainer.callback_metrics[session.goal.metric])
    finally:
        module.judging = "val"


def _count(scores: Scores | None) -> int | None:
    return None if scores is None else len(scores)


def _none(reason: str) -> Measured:
    return Measured(None, "1", reason=reason)
