"""Defines what a result is made of: measured numbers with units and methods, or why there is none. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from aibench.results.bounds import Amount, Count, Name, Number


@dataclass(slots=True)
class Measured:
    """Holds a measured number, or why there is none.

    Attributes:
        value: The number; null where it was not measured, and `reason` says why.
        unit: Its unit.
        method: How it was measured.
        reason: Why `value` is null.
    """

    value: Number | None
    unit: str
    method: str | None = None
    reason: str | None = None


@dataclass(slots=True)
class Target:
    """Holds what the run had to reach.

    Attributes:
        metric: Name of the quality.
        mode: `max` or `min`.
        quality: The value to reach (which session=epochs watches for, and trains on); null where there is none.
        origin: `paper` or `calibrated`.
        missed_first: Whether values count only after one that misses the quality.
    """

    metric: Name
    mode: str
    quality: Number | None
    origin: str
    missed_first: bool = False


@dataclass(slots=True)
class Division:
    """Says whether a run is closed, since it changed only what the paper's 4.2.2 lets it, or open.

    Attributes:
        name: `closed` or `open`.
        left: `key=value (the suite's: value)`, one for each key that differs.
        files: The SHA-256 of each file that a key names, such as first weights.
    """

    name: str
    left: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Split:
    """Holds where the training time went, in seconds; the parts sum to it.

    Attributes:
        data: Time of waiting for batches.
        transfer: Time of copying them to the device.
        forward: Time of the model and its losses.
        backward: Time of the gradients.
        optimizer: Time of updating the weights.
        compilation: Time of torch.compile, taken out of the part in which it happened.
        loop: The rest of each step: the training loop, the record, the progress bar.
        method: How it was measured.
    """

    data: Number
    transfer: Number
    forward: Number
    backward: Number
    optimizer: Number
    compilation: Number
    loop: Number
    method: str


@dataclass(slots=True)
class Times:
    """Holds where the wall time of the session went, in seconds.

    Attributes:
        total: Time from the first touch of the data to the end of the session: all parts, `preparation` too.
        setup: Time of building the model and starting the training loop, once the data are there.
        training: Time of the training steps with all that they wait for.
        evaluation: Time of the evaluations.
        checkpoint: Time of writing checkpoints.
        other: `total` minus the parts above, such as closing the loop and its files.
        split: The parts of `training`; null in results of schema 1, which did not have them.
        preparation: Time of reading, making and caching the data, before the session's own clock starts: it is in no
            other time than `total`. Null in results of before it was told from `setup`, which holds it there.
    """

    total: Amount
    setup: Amount
    training: Amount
    evaluation: Amount
    checkpoint: Amount
    other: Number
    split: Split | None
    preparation: Amount | None = None


@dataclass(slots=True)
class ToQuality:
    """Holds what it took to reach the target; each null where the run missed it, never its maximum.

    Attributes:
        epochs: Position of the first evaluation that reached it.
        samples: Training samples up to there.
        seconds: Wall time up to there, from the moment that the prepared data were there.
        seconds_without_evaluation: These seconds without evaluations and checkpoints.
        quantum: Epochs between two evaluations: `epochs` cannot be known more finely.
    """

    epochs: Amount | None
    samples: Count | None
    seconds: Amount | None
    seconds_without_evaluation: Amount | None
    quantum: Amount | None


@dataclass(slots=True)
class HeldOut:
    """Tells how far chance in the held-out samples moves the quality, and what the test part gives.

    Attributes:
        samples: Independent held-out samples that the target is judged on; null where the task does not tell.
        standard_error: Standard error of the target's metric over them, at the evaluation that reached the target, or
            at the last one of a run that missed it.
        test: The target's metric on the test part, judged once after the session by its last weights.
        test_samples: Independent samples of the test part; null where there is none, or the task does not tell.
        test_standard_error: Standard error of `test`.
    """

    samples: Count | None
    standard_error: Measured
    test: Measured
    test_samples: Count | None
    test_standard_error: Measured


@dataclass(slots=True)
class Steps:
    """Describes the steady steps: those after the first few, which warm up caches, allocators and clocks.

    Attributes:
        count: Number of steady steps.
        left_out: Steps before them.
        median, p10, p90: Median, 10th and 90th percentile of their seconds; null where there are none.
        phase: The part of the session that they belong to, which is its longest.
    """

    count: Count
    left_out: Count
    median: Amount | None
    p10: Amount | None
    p90: Amount | None
    phase: str


@dataclass(slots=True)
class Throughput:
    """Holds the training speed, in what the task counts.

    Attributes:
        unit: The unit that is counted: images, tokens, interactions.
        whole: Speed over the whole session but its set-up; evaluation and checkpoints included.
        training: Speed over the training time.
        compute: Speed over forward, backward and optimiser alone.
        samples: Samples a second of the training time, whatever the unit.
        steps: Median and spread of the time of a step.
    """

    unit: str
    whole: Measured
    training: Measured
    compute: Measured
    samples: Measured
    steps: Steps


@dataclass(slots=True)
class Memory:
    """Holds the peaks of memory.

    Attributes:
        process: Peak of the training process, resident.
        device: Peak on the accelerator, allocated by this process.
    """

    process: Measured
    device: Measured


@dataclass(slots=True)
class Use:
    """Says how much of the device's arithmetic the training used.

    Attributes:
        mfu: Operations of the steady steps over their time and the measured ceiling.
        mfu_data_sheet: Operations of the steady steps over their time and the data sheet's dense peak.
        ceiling: The measured ceiling.
        data_sheet: The data sheet's dense peak.
    """

    mfu: Measured
    mfu_data_sheet: Measured
    ceiling: Measured
    data_sheet: Measured


@dataclass(slots=True)
class Model:
    """Holds the model's size and origin.

    Attributes:
        parameters: Unique parameters of the module.
        trainable: Parameters that an optimiser may change.
        flops: Floating-point operations of one sample's forward pass: twice the multiply-adds.
        step_flops: Floating-point operations of one sample's share of a training step, all networks and passes of it.
        uncounted: Calls by name of the operators of a step that carry no formula.
        use: How much of the device the training used.
        initialisation: Where the first weights came from.
    """

    parameters: Count
    trainable: Count
    flops: Measured
    step_flops: Measured
    uncounted: dict[str, Count]
    use: Use
    initialisation: str


@dataclass(slots=True)
class Trust:
    """Says how far the timings can be believed.

    Attributes:
        level: `ok`, `warn`; null where it was not judged.
        reasons: The reasons for a `warn`.
    """

    level: str | None
    reasons: list[str]


@dataclass(slots=True)
class Estimate:
    """Holds what `aibench estimate` said before the run.

    Attributes:
        made: Time of the estimate; UTC, ISO 8601.
        seconds, low, high: Wall time to the target, and a 90 % range.
        joules: Energy; null where no sensor was there.
    """

    made: str
    seconds: Number
    low: Number
    high: Number
    joules: Number | None = None
