"""Trains as one of the processes of a run that is not the first: `python -m aibench.training.follower`."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from aibench.config import ConfigError, DataError, RunConfig
from aibench.training.ranks import RankError, Ranks
from aibench.training.starting import connected, received
from aibench.world import World

REFUSED = 1


def follow(world: World, config: RunConfig) -> int:
    """Do this process's share of the run, and return the exit status. The first process says what it is of."""
    from aibench.training.run import followed

    ranks = Ranks(world, connected(world))
    assert ranks.watchman is not None
    ranks.watchman.start()
    failure: str | None = None
    try:
        told = ranks.hear("run")
        if told is None:  # the first process has nothing to train
            return 0
        return followed(config, Path(told["folder"]), told, ranks)
    except RankError:
        return REFUSED
    except (ConfigError, DataError) as error:
        failure = " ".join(str(error).split())
        return REFUSED
    except Exception as error:
        traceback.print_exc()
        failure = " ".join(f"{type(error).__name__}: {error}".split())
        return REFUSED
    finally:
        ranks.end(failure)


if __name__ == "__main__":
    sys.exit(received(sys.stdin.buffer, follow))
