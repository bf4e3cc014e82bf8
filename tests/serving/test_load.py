"""Requests arrive whether earlier ones are answered or not."""

from __future__ import annotations

import numpy as np
import pytest

from aibench.serving.load import as_they_arrive, highest_rate, one_after_the_other


class World:
    """A clock that only moves when somebody sleeps or works."""

    def __init__(self, service):
        self.now, self.service = 0.0, service

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def answer(self, number):
        self.now += self.service[number % len(self.service)]

    def arrive(self, qps, requests=3000, seconds=1e9, seed=0, **more):
        return as_they_arrive(self.answer, qps, requests, seconds, seed, clock=self.clock, sleep=self.sleep, **more)


def test_waiting_in_the_queue_is_queueing_theorys():
    # M/D/1: the mean wait is s * rho / (2 (1 - rho)).
    service, load = 0.01, 0.7
    asked = World([service]).arrive(load / service, 60_000)
    wait = np.mean(asked.latencies) - service
    assert wait == pytest.approx(service * load / (2 * (1 - load)), rel=0.05)
    assert not asked.saturated


def test_one_long_answer_delays_those_behind_it():
    stall = [0.001] * 99 + [1.0]
    asked = World(stall).arrive(100, 1000)
    assert np.median(asked.latencies) > 0.05, "a client that waits would have seen 0.001"


def test_more_than_can_be_answered_is_saturated_and_the_queue_is_bounded():
    asked = World([0.02]).arrive(100, 100_000, worst_queue=200)
    assert asked.saturated
    assert asked.longest_queue <= 202


@pytest.mark.parametrize(
    ("load", "saturated"), [(0.5, (0, 0)), (0.9, (0, 20)), (1.01, (200, 200)), (1.05, (200, 200)), (2.0, (200, 200))]
)
def test_near_capacity_all_that_arrived_are_answered_and_saturation_is_seen(load, saturated):
    qps, seconds, seen = 10.0, 20.0, 0
    for seed in range(200):
        arrivals = np.cumsum(np.random.default_rng(seed).exponential(1 / qps, 1000))
        arrivals = arrivals[arrivals <= seconds]
        asked = World([load / qps]).arrive(qps, 1000, seconds, seed)
        ends = np.zeros(len(arrivals))
        for number, arrival in enumerate(arrivals):  # Lindley's recursion: one server, in turn
            ends[number] = max(arrival, ends[number - 1]) + load / qps
        assert asked.latencies == pytest.approx(list(ends - arrivals))
        assert asked.seconds == pytest.approx(ends[-1])
        seen += asked.saturated
    assert saturated[0] <= seen <= saturated[1]


def test_nothing_that_arrives_in_time_is_no_answer():
    asked = World([0.1]).arrive(0.001, seconds=1.0)
    assert (asked.latencies, asked.saturated) == ([], False)


def test_one_after_the_other_ends_with_the_requests_or_the_time():
    assert len(one_after_the_other(lambda _: None, 7, 10).latencies) == 7
    assert len(one_after_the_other(lambda _: sum(range(10_000)), 10**9, 0.01).latencies) < 10**6


@pytest.mark.parametrize("first", [1.0, 64.0, 1000.0])
def test_the_highest_rate_is_found_from_either_side(first):
    assert highest_rate(lambda rate: rate <= 100, first, tries=20, tolerance=0.01) == pytest.approx(100, rel=0.011)


def test_a_bound_that_no_rate_keeps_gives_none():
    assert highest_rate(lambda rate: False, 10.0) is None
