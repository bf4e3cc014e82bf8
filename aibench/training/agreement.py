"""Has all processes of a run stop, save or report NaN after the same step: it asks all of them now and then."""

from __future__ import annotations

import time
from dataclasses import dataclass

from aibench.training.ending import is_waiting
from aibench.training.losses import Losses, not_finite
from aibench.training.ranks import Ranks

FIRST = 8  # steps
MOST = 256  # steps


@dataclass(frozen=True, slots=True)
class Agreed:
    """Holds what all processes do after a step.

    Attributes:
        stop: Whether one of them was sent a signal.
        save: Whether the first one wants a checkpoint, since the last one is old.
    """

    stop: bool
    save: bool


class Agreement:
    """Asks all processes of a run whether to stop or to save.

    When it asks is counted in steps, which all processes make alike; how many steps apart is the first one's measure:
    about `seconds`.

    Args:
        ranks: The processes.
        losses: The losses of this one.
        seconds: Seconds between two questions.
    """

    def __init__(self, ranks: Ranks, losses: Losses, seconds: float) -> None:
        self.ranks, self.losses, self.seconds = ranks, losses, seconds
        self._left = self._steps = FIRST
        self._since = time.perf_counter()

    def is_due(self) -> bool:
        """Return whether it is time to ask, after a step."""
        self._left -= 1
        return self._left <= 0

    def asked(self, steps: int, *, save: bool = False) -> Agreed:
        """Ask, after `steps` steps.

        Raises:
            Diverged: The loss of a process is not finite.
        """
        self.losses.read(steps)
        now = time.perf_counter()
        took = (now - self._since) / max(1, self._steps - self._left)
        wanted = min(MOST, max(1, round(self.seconds / max(took, 1e-6)))) if self.ranks.is_first else 0
        bad = self.losses.bad
        found = self.ranks.greatest(1 / bad if bad else 0, is_waiting(), save and self.ranks.is_first, wanted)
        self._left = self._steps = int(found[3])
        self._since = now
        if found[0]:
            raise not_finite(round(1 / found[0]))
        return Agreed(stop=bool(found[1]), save=bool(found[2]))
