"""A signal stops a session where that loses least, and a second one at once."""

from __future__ import annotations

import os
import signal

import pytest

from aibench.training import ending
from aibench.training.ending import Interrupted, heed, held, interruptible, is_waiting

BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@BOTH
def test_a_signal_stops_at_once_where_nothing_is_held(number):
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=f"^{number.name} received"), interruptible():
        send(number)
    assert signal.getsignal(number) is before


@BOTH
def test_a_signal_waits_for_the_end_of_what_is_held_and_a_second_one_does_not(number, capfd):
    reached = []

    def holding(signals: int) -> None:
        with interruptible(), held():
            for _ in range(signals):
                send(number)
            reached.append(signals)

    with pytest.raises(Interrupted, match=f"^{number.name} received"):
        holding(1)
    with pytest.raises(Interrupted, match=f"^{number.name} received"):
        holding(2)
    assert reached == [1]
    assert capfd.readouterr().err.count("A second signal stops at once.") == 2


def test_what_is_held_can_heed_a_signal_where_it_suits(capfd):
    reached = []

    def heeding() -> None:
        with interruptible(), held():
            heed()
            send(signal.SIGTERM)
            assert is_waiting()
            reached.append("before")
            heed()
            reached.append("after")

    with pytest.raises(Interrupted):
        heeding()
    assert reached == ["before"]


def test_a_process_that_reads_samples_leaves_signals_to_the_session(monkeypatch):
    alarms = []
    monkeypatch.setattr(signal, "alarm", alarms.append)
    alarm = signal.getsignal(signal.SIGALRM)
    with interruptible(), monkeypatch.context() as patch:  # which ends first: the owner is the session's again
        patch.setattr(ending._signals, "owner", os.getpid() + 1)
        send(signal.SIGINT)
        assert alarms == []
        send(signal.SIGTERM)
        assert alarms == [ending.SECONDS_OF_A_WORKER]
    signal.signal(signal.SIGALRM, alarm)
    assert not is_waiting()
    assert ending._signals.owner == 0


def test_the_signal_of_a_launcher_ends_the_run_first_and_is_handed_on_then(capfd):
    order = []
    before = signal.signal(signal.SIGUSR2, lambda number, frame: order.append("launcher"))
    try:
        with ending.interruptible():
            try:
                with ending.held():
                    send(signal.SIGUSR2)
                    order.append("checkpoint")
            except ending.Interrupted as error:
                order.append(str(error))
        assert order == ["checkpoint", "SIGUSR2 received. Continue with resume=auto.", "launcher"]
        send(signal.SIGUSR2)
        assert order[3:] == ["launcher"], "no longer a run's"
        with ending.interruptible():
            pass
        assert order[4:] == [], "and none is handed on that no run received"
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_a_signal_that_was_held_back_while_the_process_began_is_heard_when_the_run_listens():
    signal.pthread_sigmask(signal.SIG_BLOCK, ending.OURS)
    try:
        signal.raise_signal(signal.SIGTERM)  # to this thread: another one may hold nothing back
        with ending.interruptible(), pytest.raises(ending.Interrupted), ending.held():
            ending.listen()
    finally:
        signal.sigtimedwait(ending.OURS, 0)  # where nobody listened
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ending.OURS)
