"""Lists how a run may end. Imports no torch."""

from __future__ import annotations

import enum


class Status(enum.StrEnum):
    """Lists how a run may end."""

    converged = enum.auto()  # reached its target
    completed = enum.auto()  # session=epochs or session=steps ran to its length
    not_converged = enum.auto()  # spent its budget without reaching its target
    diverged = enum.auto()  # a loss or the quality became NaN or infinite
    interrupted = enum.auto()  # SIGTERM or Ctrl-C
    failed = enum.auto()  # an exception; `message` has its text

    @property
    def finished(self) -> bool:
        """Return whether there is nothing to resume."""
        return self in (Status.converged, Status.completed, Status.not_converged, Status.diverged)

    @property
    def usable(self) -> bool:
        """Return whether the run came to its end with a model worth looking at."""
        return self.finished and self is not Status.diverged
