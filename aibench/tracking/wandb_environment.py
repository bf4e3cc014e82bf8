"""Sorts W&B's environment variables: which decide, which a run's own words override, which contradict them."""

from __future__ import annotations

import netrc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from aibench.config import ConfigError, RunConfig, Tracker, TrackingMode

# A run has its own word for each of these. Those of which run it is would make one W&B run of several runs.
OVERRIDDEN = (
    "WANDB_CONSOLE",
    "WANDB_DIR",
    "WANDB_FORK_FROM",
    "WANDB_JOB_TYPE",
    "WANDB_MODE",
    "WANDB_NAME",
    "WANDB_QUIET",
    "WANDB_REINIT",
    "WANDB_RESUME",
    "WANDB_RESUME_FROM",
    "WANDB_RUN_GROUP",
    "WANDB_RUN_ID",
    "WANDB_SILENT",
    "WANDB_TAGS",
)
MODES = {"online": "online", "run": "online", "offline": "offline", "dryrun": "offline"}
NO_KEY = "tracking.mode=online: no API key. Run: wandb login, or set tracking.mode=offline."
_agents_runs: set[str] = set()  # that this process has used


def wandb_mode(config: RunConfig) -> str:
    """Return `online` or `offline`: what `tracking.mode` says, else `WANDB_MODE`, else whether a key is at hand.

    Raises:
        ConfigError: The environment says that nothing is to be tracked, or online is asked for without a key.
    """
    asked, said = config.tracking.mode, os.environ.get("WANDB_MODE", "")
    if os.environ.get("WANDB_DISABLED", "").lower() in ("true", "1", "yes"):
        raise ConfigError(_nothing("WANDB_DISABLED", os.environ["WANDB_DISABLED"]))
    if asked is TrackingMode.auto and said and said not in MODES:
        raise ConfigError(_nothing("WANDB_MODE", said))
    mode = str(asked) if asked is not TrackingMode.auto else MODES.get(said)
    if mode == "online" and not has_api_key():
        raise ConfigError(NO_KEY)
    return mode or ("online" if has_api_key() else "offline")


def _nothing(name: str, value: str) -> str:
    return f"{name}={value}: contradicts tracking=wandb. Unset it, or use tracking=csv."


def has_api_key() -> bool:
    """Tell whether a key stands in the environment or in `.netrc`, where `wandb login` puts it."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def under_agent() -> bool:
    """Tell whether a W&B agent started this process: it says by `WANDB_SWEEP_ID` which run this is to be."""
    return bool(os.environ.get("WANDB_SWEEP_ID"))


def sweep_problem(config: RunConfig, runs: int) -> str | None:
    """Return why a sweep of `runs` runs cannot be tracked; None where it can."""
    if Tracker.wandb in config.tracking.kinds and runs > 1 and under_agent():
        return (
            f"WANDB_SWEEP_ID={os.environ['WANDB_SWEEP_ID']}: a W&B agent starts one run at a time, and these words are "
            f"{runs} runs. Leave out -m, and let the agent's sweep vary the keys."
        )
    return None


def take_agents_run() -> None:
    """Note that this process uses the run that the agent named.

    Raises:
        ConfigError: It has used it before: two runs would become one.
    """
    run = os.environ.get("WANDB_RUN_ID", "")
    if not under_agent() or not run:
        return
    if run in _agents_runs:
        raise ConfigError(f"WANDB_RUN_ID={run}: the W&B agent's run is taken already. Start a process for each run.")
    _agents_runs.add(run)


@contextmanager
def overridden() -> Iterator[None]:
    """Hide from W&B what a run has its own words for; what an agent says of its run stays."""
    stays = {"WANDB_RUN_ID"} if under_agent() else set()
    hidden = {name: os.environ.pop(name) for name in OVERRIDDEN if name in os.environ and name not in stays}
    try:
        yield
    finally:
        os.environ.update(hidden)
