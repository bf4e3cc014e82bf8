"""Turns a composed configuration into a run, as the one Hydra application. Imports no torch before it is accepted."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from aibench.commands import fail_fast
from aibench.commands.console import complain, console, print_line, print_result, say
from aibench.commands.divisions import rules
from aibench.commands.lean import without_extras
from aibench.composition import with_data
from aibench.composition.compose import CONFIG_MODULE
from aibench.config import ConfigError, DataError, RunConfig, typed, unchecked
from aibench.datasets.prepared import announcer
from aibench.results.folder import alone_in
from aibench.results.made import take_back
from aibench.results.objective import objective, worst
from aibench.results.result import RESULT, Result, Status, write_unless_poorer
from aibench.training.ending import Ending, Interrupted, held, interruptible, listen, note_failure
from aibench.training.requirements import placed
from aibench.training.resume import finished
from aibench.world import world_here

with_data.register()  # before Hydra reads the configuration that asks for it


@hydra.main(version_base="1.3", config_path=f"pkg://{CONFIG_MODULE}", config_name="config")
def main(cfg: DictConfig) -> float | None:
    """Run the job that Hydra composed. In a sweep every job leaves a result, also one that cannot run.

    Returns:
        In a sweep what the run is worth to a search.
    """
    folder, sweep = Path(HydraConfig.get().runtime.output_dir), Path(HydraConfig.get().sweep.dir)
    in_sweep = HydraConfig.get().mode is RunMode.MULTIRUN
    if in_sweep and fail_fast.stopped_by(sweep) is not None:
        with suppress(OSError):
            folder.rmdir()  # Hydra has made it; one of an earlier run is not empty
        return worst(unchecked(cfg))
    world = world_here()
    try:
        config, problem = placed(typed(cfg), world), None
    except ConfigError as error:
        if not world.is_first:
            sys.exit(1)  # the first process says why
        if not in_sweep:
            raise
        config, problem = unchecked(cfg), str(error)
    if not world.is_first:
        status = follower(config)
        return None if status == 0 or in_sweep else sys.exit(status)
    status = run_job(config, folder, in_sweep, problem)
    if not in_sweep:
        return None if status == 0 else sys.exit(status)
    if status != 0 and config.sweep.fail_fast:
        fail_fast.stop(sweep, folder)
    return objective(config, folder) if status == 0 else worst(config)


def follower(config: RunConfig) -> int:
    """Train as a process that torchrun or srun started beside the first one. Returns the exit status."""
    with without_extras():
        from aibench.training.follower import follow

    return follow(world_here(), config)


def run_job(config: RunConfig, folder: Path, in_sweep: bool, problem: str | None = None) -> int:
    """Run one session. Returns the exit status; in a sweep, failures become results and the sweep goes on.

    Args:
        config: The run.
        folder: Its folder.
        in_sweep: Whether other runs follow.
        problem: Why the run cannot start, where that is known.
    """
    done = finished(config, folder)  # without the lock: a finished run may lie where nothing can be written
    if done is None:
        try:
            with alone_in(folder):
                done = finished(config, folder)  # another process may have finished it meanwhile
                result = _result(config, folder, in_sweep, problem) if done is None else None
        except (ConfigError, DataError) as error:
            complain(str(error))
            if not in_sweep:
                take_back(folder)
            _release()
            return 1
    if done is not None:
        _release()
        console().print(f"{folder}: already {done.status}; skipped.", highlight=False, soft_wrap=True, markup=False)
        return 0
    assert result is not None
    return _report(result, folder, in_sweep)


def _release() -> None:
    """Let the processes go that a launcher started beside this one, which trains nothing."""
    world = world_here()
    if world.size > 1:
        from aibench.training.starting import release_others

        release_others(world)


def _result(config: RunConfig, folder: Path, in_sweep: bool, problem: str | None) -> Result:
    """Return the result of the run, which lies in `folder` then.

    Raises:
        ConfigError, DataError: The run was refused, and nothing of it is worth a result; not in a sweep.
    """
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    if config.progress and problem is None:
        _announce(config, folder)
    announcer.tell = say
    with interruptible():
        try:
            if problem is not None:
                raise ConfigError(problem)
            with held(), without_extras():  # PyTorch cannot be imported again where its import was broken off
                listen()
                from aibench.training.run import train
            return train(config, folder, rules(config.task, config.scale), console())
        except (ConfigError, DataError) as error:
            if not in_sweep:
                raise
            complain(str(error))
            ending = Ending(Status.failed, str(error))
        except Interrupted as error:
            ending = Ending(Status.interrupted, str(error))
        except Exception as error:
            ending = Ending(Status.failed, f"{type(error).__name__}: {' '.join(str(error).split())}")
            note_failure(folder)
        finally:
            if in_sweep:
                _free_memory()
    return unstarted(config, folder, ending, started)


def _announce(config: RunConfig, folder: Path) -> None:
    """Say what starts and where it writes, before PyTorch is imported, which takes seconds."""
    target, quality = config.target, config.quality
    until = f"to {target.metric} {'>=' if target.mode == 'max' else '<='} {quality:g}" if quality is not None else ""
    named = f"{config.task}, scale {config.scale}, session {config.session}, seed {config.seed}"
    say(f"{', '.join(filter(None, (named, until)))}. Writes to {folder}.", flush=True)


def unstarted(config: RunConfig, folder: Path, ending: Ending, started: str) -> Result:
    """Return the result of a run that measured nothing, and write it where there is no better one."""
    from aibench.training.outcome import unstarted_result

    result = unstarted_result(config, ending, started)
    try:
        write_unless_poorer(folder, result)
    except OSError as error:
        complain(f"{folder / RESULT}: not written: {error.strerror}.")
    return result


def _report(result: Result, folder: Path, in_sweep: bool) -> int:
    (print_line if in_sweep else print_result)(result, folder)
    if result.status == "interrupted":
        raise KeyboardInterrupt  # ends a sweep too
    return 1 if result.status in ("failed", "diverged") else 0


def _free_memory() -> None:
    import gc

    torch = sys.modules.get("torch")
    gc.collect()
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
