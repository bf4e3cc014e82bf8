"""What a session does before its own clock starts is counted apart, in every process of a run."""

from __future__ import annotations

import pytest

from aibench.meters.instruments import Instruments
from aibench.meters.ledger import Ledger


class Meter:
    """Sensors that count a joule a second of `now`."""

    def __init__(self) -> None:
        self.now, self.sensors, self.before = 0.0, [], 0.0

    def read(self) -> dict[str, float]:
        return {"package": self.now + self.before}

    def broken(self) -> list[str]:
        return []

    def continue_from(self, earlier: dict[str, float], faults: list[str]) -> None:
        self.before = earlier["package"]


@pytest.fixture
def process(composed, tmp_path, monkeypatch):
    """Starts a process of a run whose clock and sensors a test moves."""
    meters = []
    monkeypatch.setattr("aibench.meters.instruments.energy_meter", lambda *_, **__: meters[-1])
    monkeypatch.setattr("aibench.meters.instruments.Telemetry.start", lambda self: None)
    monkeypatch.setattr("aibench.meters.instruments.Ledger", lambda part: Ledger(part, clock=lambda: meters[-1].now))

    def start():
        meters.append(Meter())
        instruments = Instruments(composed("task=spatial_transformer"), None)

        def passes(seconds: float) -> None:
            meters[-1].now += seconds

        return instruments, passes

    return start


def test_time_and_energy_to_quality_are_the_same_whatever_the_preparation_took(process):
    found = []
    for cold in (1000.0, 0.0):
        instruments, passes = process()
        passes(cold)
        instruments.prepared()
        passes(3.0)
        instruments.train("training")
        passes(7.0)
        instruments.reached_quality()
        found.append((instruments.seconds(), instruments.joules["to_quality"]))
        assert instruments.ledger.seconds()["preparation"] == cold
        instruments.stop()
    assert found == [(10.0, {"package": 10.0})] * 2


def test_each_process_of_a_run_prepares_its_data_and_none_of_it_is_in_the_score(process):
    first, passes = process()
    passes(1000.0)
    first.prepared()
    passes(4.0)
    state = first.state()
    first.stop()
    second, passes = process()
    passes(500.0)
    second.prepared()
    passes(2.0)
    second.go_on_from(state)
    passes(6.0)
    second.reached_quality()
    second.stop()
    assert second.seconds() == 12.0
    assert second.joules["to_quality"] == {"package": 12.0}
    assert second.ledger.seconds()["preparation"] == 1500.0
