"""Defines the schema of a run: types here, values in `conf/`. Behind `typed()` nothing knows Hydra; no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from omegaconf import MISSING

from aibench.choices import (
    Mode,
    Objective,
    Resume,
    Scaling,
    Session,
    Source,
    Tracker,
    TrackingMode,
)
from aibench.config.bounds import Count, NotNegative, OneOf, Positive, Text, above, at_least, between
from aibench.config.closed import BATCH_SIZE, HARDWARE, LEARNING_RATE, LENGTH, SCHEDULE
from aibench.config.hardware import HardwareConfig, shared_by

SEEDS = 2**32  # NumPy takes no greater one
Price = Annotated[float, at_least(0, 10**6)]
Name = Annotated[str, Text(128, without=("/", "\\", "#", "?", "%", ":"))]  # of W&B

CACHE = "~/.cache/aibench"


def default_cache() -> str:
    """Return the default of `data.cache`, for whoever has no run: `$AIBENCH_CACHE`, else a folder of the user's."""
    return os.environ.get("AIBENCH_CACHE") or CACHE


@dataclass(slots=True)
class ModelConfig:
    """Serves as the base of every task's model schema."""


@dataclass(slots=True)
class DataConfig:
    """Serves as the base of every task's data schema.

    Attributes:
        source: Kind of the samples' source.
        root: Folder of the real data set; `source=disk` reads it. Null takes what `roots`, the folder `$AIBENCH_DATA`
            or an installed package has for the task.
        roots: Folders of the real data sets by task, for a machine's file in `conf/local`.
        cache: Folder for prepared data.
        seed: Seed of generated data, apart from the run's seed: a sweep over seeds trains on the same samples.
        batch_size: Samples in a training step.
        eval_batch_size: Samples in an evaluation step.
        train_size: How many training samples; null takes all that there are.
        val_size: How many held-out samples; null takes all that there are.
        workers: Processes that read samples; 0 reads in the training process.
    """

    source: Source = Source.embedded
    root: str | None = None
    roots: dict[str, str] = field(default_factory=dict)
    cache: Annotated[str, Text(home=True)] = f"${{oc.env:AIBENCH_CACHE,'{CACHE}'}}"
    seed: Annotated[int, at_least(0, SEEDS - 1)] = 0
    batch_size: Annotated[Count, BATCH_SIZE] = MISSING
    eval_batch_size: Annotated[Count, BATCH_SIZE] = MISSING
    train_size: Count | None = None
    val_size: Count | None = None
    workers: Annotated[int, at_least(0, 1024), HARDWARE] = 0

    @property
    def smallest_batch(self) -> int:
        """Return how few training samples make a batch."""
        return self.batch_size


@dataclass(slots=True)
class OptimConfig:
    """Serves as the base of every task's optimiser schema.

    Attributes:
        lr: Learning rate (the peak, where a schedule moves it).
        weight_decay: Factor of the weight decay.
    """

    lr: Annotated[Positive, LEARNING_RATE] = MISSING
    weight_decay: NotNegative = 0.0


@dataclass(slots=True)
class TargetConfig:
    """Holds the quality to reach, and the budget.

    Attributes:
        metric: Name under which the evaluation logs the quality.
        mode: `max` or `min`: the values that are better.
        entire: Quality that ends `session=entire`; null where the paper has none.
        quasi_entire: Quality that ends `session=quasi_entire`; null where the paper has none.
        origin: `paper`, or `calibrated` where the values were measured with `aibench calibrate`.
        missed_first: Whether the quality counts only once an evaluation has missed it: for a metric that an untrained
            model satisfies, as one that says how well a critic tells two things apart.
        max_epochs: Budget: a run that has not reached the target by then has missed it.
        evaluations_per_epoch: Evaluations in an epoch; a fraction evaluates less often than once an epoch.
    """

    metric: str = MISSING
    mode: Mode = MISSING
    entire: float | None = None
    quasi_entire: float | None = None
    origin: Annotated[str, OneOf(("paper", "calibrated"))] = MISSING
    missed_first: bool = False
    max_epochs: Annotated[int, at_least(1, 10**6), SCHEDULE] = MISSING
    evaluations_per_epoch: Annotated[float, above(0, 10**6)] = 1.0


@dataclass(slots=True)
class CostConfig:
    """Holds the user's tariff; null prices nothing. The currency is whatever these are in.

    Attributes:
        price_per_kwh: Price of a kWh of energy.
        price_per_hour: Price of an hour of the machine.
        gco2_per_kwh: Grams of CO2 equivalent for each kWh.
    """

    price_per_kwh: Price | None = None
    price_per_hour: Price | None = None
    gco2_per_kwh: Price | None = None


@dataclass(slots=True)
class TrackingConfig:
    """Says where the history goes besides `result.json`.

    Attributes:
        kind: Kind of tracker; of several, the last.
        use: Every kind of tracker that gets the history: `tracking=[csv,wandb]` has two.
        gradient_norm: Whether the norm of the gradients is logged too, once a second; it is computed for that.
        loggers: Lightning's loggers by a name of yours, each with its class in `_target_` and its arguments.
        group: W&B's group; null takes the task and the scale.
        name: W&B's name of the run; null takes task, scale and seed.
        notes: W&B's notes.
        mode: W&B's mode; `auto` takes that of `WANDB_MODE`, else online where an API key is at hand.
        project: W&B's project; that of `WANDB_PROJECT` where not given.
        entity: W&B's team or user; that of `WANDB_ENTITY` where not given, and null takes the API key's default.
        tags: W&B's tags, added to task, scale and session.
    """

    kind: Tracker = Tracker.csv
    use: dict[str, bool] = field(default_factory=dict)
    gradient_norm: bool = False
    loggers: dict[str, Any] = field(default_factory=dict)
    group: Annotated[str, Text(128)] | None = None
    name: Annotated[str, Text(128)] | None = None
    notes: str | None = None
    mode: TrackingMode = TrackingMode.auto
    project: Name = "${oc.env:WANDB_PROJECT,aibench}"
    entity: Name | None = "${oc.env:WANDB_ENTITY,null}"
    tags: list[Annotated[str, Text(64)]] = field(default_factory=list)

    @property
    def kinds(self) -> list[Tracker]:
        """Return every kind of tracker that is asked for."""
        named = [kind for kind in Tracker if self.use.get(kind)]
        named = named if self.kind in named else [self.kind]  # a kind that is set by its own key is the only one
        return named if Tracker.lightning in named or not self.loggers else [*named, Tracker.lightning]


@dataclass(slots=True)
class CheckpointConfig:
    """Says when a run writes what it can go on from, besides at each evaluation and at a signal.

    Attributes:
        minutes: Minutes without a checkpoint after which one is written; 0 or null for never.
    """

    minutes: Annotated[float, at_least(0, 10**6)] | None = 10.0


@dataclass(slots=True)
class SweepConfig:
    """Says how the runs of a sweep get on with each other; a single run has nothing of it.

    Attributes:
        fail_fast: Whether no further run starts once one has failed or diverged.
    """

    fail_fast: bool = False


@dataclass(slots=True)
class RunConfig:
    """Describes one run. A task's `Config` subclasses it and narrows `model`, `data` and `optim`.

    Attributes:
        task: Name of the task's folder.
        scale: `mini` or `reference`.
        session: What ends the run.
        seed: Seed of initialisation, order and dropout.
        epochs: Length of `session=epochs`.
        steps: Timed steps of `session=steps`.
        warmup_steps: Steps of `session=steps` before the timed ones.
        resume: Whether a run whose folder holds a checkpoint goes on from it.
        objective: What a run tells the sweeper that searches for better values of keys.
        progress: Whether the progress bar is shown.
        output: Folder of the run, or of the sweep.
        logs: The names that every evaluation logs, where no key changes them.
        runs: How many runs a submission has of the task (`docs/rules.md`).
        by_hand: Whether the task moves several networks in turn, under Lightning's manual optimisation.
        traced: The methods of its module, losses of a batch, that `torch.compile` compiles without a break; without
            any the whole module is compiled, with whatever breaks it has.
        recorded: Those whose operators follow from the shapes of their tensors alone, so that a CUDA graph can hold
            them.
    """

    logs: ClassVar[tuple[str, ...]] = ()
    runs: ClassVar[int] = 5
    by_hand: ClassVar[bool] = False
    traced: ClassVar[tuple[str, ...]] = ()
    recorded: ClassVar[tuple[str, ...]] = ()

    task: str = MISSING
    scale: Annotated[str, OneOf(("mini", "reference"))] = MISSING
    session: Annotated[Session, LENGTH] = Session.entire
    seed: Annotated[int, between(0, SEEDS - 1), LENGTH] = 1
    epochs: Annotated[int, at_least(1, 10**6), LENGTH] = 1
    steps: Annotated[int, at_least(1, 10**9), LENGTH] = 100
    warmup_steps: Annotated[int, at_least(0, 10**9), LENGTH] = 10
    resume: Resume = Resume.never
    objective: Objective = Objective.quality
    progress: bool = True
    output: Annotated[str, Text(without=("${",), home=False)] = MISSING  # Hydra would look for a key of that name
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    target: TargetConfig = field(default_factory=TargetConfig)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    cost: CostConfig = field(default_factory=CostConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return the names that every evaluation logs; `target.metric` is one of them. Empty where that is not said."""
        return self.logs

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run as its task sees it, a line each; the general checks come before."""
        yield from ()

    def undivided(self, size: int) -> Iterator[str]:
        """Yield what keeps `size` devices from having equal shares of each training batch, a line each.

        `data.batch_size` is that of all devices together.
        """
        batch = self.data.batch_size
        if batch % size:
            weak = "" if self.hardware.scaling is Scaling.weak else ", or hardware.scaling=weak"
            yield (
                f"{shared_by(self.hardware)}: {size} devices cannot have equal shares of data.batch_size={batch}. Set "
                f"that to a multiple of {size}{weak}."
            )

    def installed_root(self) -> Path | None:
        """Return the folder in which an installed package has the task's data set; None where none has."""
        return None

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what keeps the folder `root`, which is there, from being the task's data set; a line names it `typed`.

        Asked where `data.source=disk` alone.
        """
        yield from ()

    @property
    def quality(self) -> float | None:
        """Return the quality that ends this session; None where none does."""
        match self.session:
            case Session.entire:
                return self.target.entire
            case Session.quasi_entire:
                return self.target.quasi_entire
            case _:
                return None
