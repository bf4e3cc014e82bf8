"""Runs one serving session: a trained model answers requests, is timed, and is evaluated again as it serves."""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from rich.console import Console

from aibench.composition import registry
from aibench.config import Accelerator, ConfigError, Precision, RunConfig, plain
from aibench.contract import TaskData, TaskModule, batch_of
from aibench.meters import system as meters
from aibench.meters.account import peak_device_memory
from aibench.meters.instruments import Instruments
from aibench.results.inference import Inference, Quality, Scenario
from aibench.results.result import Measured, Trust
from aibench.serving.latency import percentiles
from aibench.serving.load import Asked, as_they_arrive, highest_rate, one_after_the_other
from aibench.serving.options import Kind, Options
from aibench.training import checkpoint
from aibench.training.loader import EvalBatches
from aibench.training.quickening import PRECISIONS
from aibench.training.requirements import require_device

DISTINCT = 64  # requests that take turns
UNTIMED = 10  # requests before the timed ones
AUTOCAST = {Precision.bf16: torch.bfloat16, Precision.fp16: torch.float16}


class Server:
    """Holds the data, the module with its weights, and the requests.

    Args:
        config: The trained run's configuration, with this session's precision.
        weights: The checkpoint to load; None serves fresh weights.
    """

    def __init__(self, config: RunConfig, weights: Path | None) -> None:
        precision = config.hardware.precision
        meters.quieten_lightning()
        meters.set_arithmetic(config.hardware.threads, tf32=precision is Precision.tf32)
        require_device(config)
        on_cpu = config.hardware.accelerator is Accelerator.cpu or not torch.cuda.is_available()
        self.config = config
        self.device = torch.device("cpu" if on_cpu else "cuda")
        self.data: TaskData = registry.data_class(config.task)(config)
        self.held_out = self.data.dataset("val")
        if len(self.held_out) == 0:
            raise ConfigError("data.val_size: no held-out sample is left to ask about. Use more data.")
        start = time.perf_counter()
        torch.manual_seed(config.seed)
        self.module: TaskModule = registry.module_class(config.task)(config, self.data.facts)
        if weights is not None:
            self._load(weights)
        self.module.to(self.device).eval()
        meters.lay_out(self.module, config.hardware)
        if config.hardware.compile:
            self.module.compile()
        self.load_seconds = time.perf_counter() - start

    def _load(self, weights: Path) -> None:
        state = checkpoint.load(weights)["state_dict"]
        try:
            self.module.load_state_dict(state)
        except (KeyError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ConfigError(
                f"{weights}: does not fit task={self.config.task} ({reason}). Give its own run."
            ) from error

    def precision(self) -> AbstractContextManager[Any]:
        """Return the context of this session's arithmetic, as in training."""
        dtype = AUTOCAST.get(self.config.hardware.precision)
        return torch.autocast(self.device.type, dtype) if dtype is not None else nullcontext()

    def request(self, index: int, size: int = 1) -> Any:
        """Return held-out samples as a request brings them, on the host."""
        indices = (index * size + np.arange(size)) % len(self.held_out)
        return batch_of(self.data, self.held_out, indices)

    def answer(self, request: Any) -> Any:
        """End to end: to the device, the network, and what the task makes of it for a user."""
        with torch.inference_mode(), self.precision():
            return self.module.infer(self.module.transfer_batch_to_device(request, self.device, 0))

    def wait(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def evaluate(self) -> float | None:
        """Return the target's metric over all held-out samples, as a session evaluates; None where it measures none."""
        trainer = pl.Trainer(
            accelerator="gpu" if self.device.type == "cuda" else "cpu",
            devices=1,
            precision=PRECISIONS[self.config.hardware.precision],  # type: ignore[arg-type]
            logger=False,
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        trainer.validate(self.module, EvalBatches(self.data, self.held_out), verbose=False)
        number = float(trainer.callback_metrics[self.config.target.metric])
        return None if math.isnan(number) else number  # NaN: the run cannot measure it


def serve(config: RunConfig, options: Options, trained: Any, console: Console) -> Inference:
    """Run the scenarios of `options`.

    Args:
        config: The trained run's configuration, with this session's precision.
        options: What to ask, and how long.
        trained: The run's `Result`; None serves fresh weights.
        console: Where progress goes.
    """
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    instruments = Instruments(config, None)
    try:
        server = Server(config, options.weights)
        first = _timed(lambda: server.answer(server.request(0)), server)
        requests = [server.request(index) for index in range(min(DISTINCT, len(server.held_out)))]
        for request in requests[:UNTIMED]:
            server.answer(request)
        session = _Session(server, options, instruments, requests, console)
        scenarios = [session.run(kind) for kind in options.scenarios]
        best = session.search()
        served = None if options.weights is None else server.evaluate()
        trust = instruments.watch.judge(session.single, what="requests")
    finally:
        instruments.stop()
    return Inference(
        run_id=trained.run_id if trained else None,
        task=config.task,
        scale=config.scale,
        seed=config.seed,
        weights=options.weights.name if options.weights else "fresh",
        precision=str(config.hardware.precision),
        compile=config.hardware.compile,
        started=started,
        scenarios=scenarios,
        best_qps=best,
        quality=_quality(config, server, served, trained),
        cold_start=Measured(server.load_seconds + first, "s", "building the model, loading weights, the first request"),
        first_request=Measured(first, "s", "before any warm-up"),
        process_memory=Measured(float(meters.peak_process_memory()), "B", "peak resident set"),
        device_memory=peak_device_memory(),
        trust=Trust(trust.level, trust.reasons),
        system=meters.system(on_cpu=server.device.type == "cpu"),
        versions=meters.versions(),
        commit=meters.commit(),
        config=plain(config),
    )


def _timed(run: Any, server: Server) -> float:
    start = time.perf_counter()
    run()
    server.wait()
    return time.perf_counter() - start


def _quality(config: RunConfig, server: Server, served: float | None, trained: Any) -> Quality:
    reason = None if served is not None else server.module.unmeasured or "fresh weights have no quality"
    before = _trained_value(trained)
    difference = served - before if served is not None and before is not None else None
    measured = Measured(served, config.target.metric, "validation_step over all held-out samples", reason)
    return Quality(config.target.metric, measured, before, difference)


def _trained_value(trained: Any) -> float | None:
    """Return what the training session measured with the best checkpoint's weights."""
    return None if trained is None else trained.best_quality


class _Session:
    """Runs the scenarios over one server."""

    def __init__(
        self, server: Server, options: Options, instruments: Instruments, requests: list[Any], console: Console
    ) -> None:
        self.server, self.options, self.instruments, self.requests = server, options, instruments, requests
        self.console = console
        self.single: list[float] = []

    def run(self, kind: Kind) -> Scenario:
        """Run one scenario, from beginning to end."""
        batch = self.server.config.data.eval_batch_size if kind is Kind.offline else 1
        self.console.print(f"{self.server.config.task}: {kind}", highlight=False)
        before = self.instruments.energy.read()
        asked = self._ask(kind, batch)
        joules = {scope: now - before[scope] for scope, now in self.instruments.energy.read().items()}
        if kind is Kind.single_stream:
            self.single = asked.latencies
        return self._scenario(kind, asked, batch, joules)

    def _ask(self, kind: Kind, batch: int) -> Asked:
        options = self.options
        if kind is Kind.server:
            return as_they_arrive(self._answer, options.qps, options.queries, options.seconds, self.server.config.seed)
        if kind is Kind.offline:
            batches = [self.server.request(index, batch) for index in range(4)]

            def answer(number: int) -> None:
                self.server.answer(batches[number % len(batches)])
                self.server.wait()

            answer(0)
            return one_after_the_other(answer, max(3, options.queries // batch), options.seconds)
        return one_after_the_other(self._answer, options.queries, options.seconds)

    def _answer(self, number: int) -> None:
        self.server.answer(self.requests[number % len(self.requests)])
        self.server.wait()

    def _scenario(self, kind: Kind, asked: Asked, batch: int, joules: dict[str, float]) -> Scenario:
        count, unit = len(asked.latencies), "samples/s" if kind is Kind.offline else "requests/s"
        reason = None if count else f"no request arrived in {self.options.seconds:g} s"
        energy, no_energy = self.instruments.energy.summed(joules)
        each = None if energy is None or not count else energy / count
        return Scenario(
            name=str(kind),
            requests=count,
            seconds=asked.seconds,
            throughput=Measured(count * batch / asked.seconds if count else None, unit, "answered / seconds", reason),
            mean=Measured(sum(asked.latencies) / count if count else None, "s", "arithmetic mean", reason),
            latencies=percentiles(asked.latencies) if count else [],
            batch=batch,
            qps=self.options.qps if kind is Kind.server else None,
            saturated=asked.saturated,
            longest_queue=asked.longest_queue,
            energy_per_request=Measured(each, "J", "sum over the sensors", no_energy or reason),
        )

    def search(self) -> Measured:
        """Search the highest rate of arrivals within the latency bound."""
        options, bound = self.options, self.options.latency_bound
        if bound is None:
            return Measured(None, "requests/s", reason="no latency_bound was given")
        self.console.print(f"{self.server.config.task}: the highest qps within {bound:g} s", highlight=False)

        def within(qps: float) -> bool:
            asked = as_they_arrive(self._answer, qps, options.queries, options.seconds, self.server.config.seed)
            if not asked.latencies:
                return False
            tail = percentiles(asked.latencies, [options.percentile])
            return not asked.saturated and tail[0].seconds <= bound

        mean = sum(self.single) / len(self.single) if self.single else _timed(lambda: self._answer(0), self.server)
        best = highest_rate(within, 0.5 / mean)
        method = f"p{options.percentile:g} of the latencies within {bound:g} s, Poisson arrivals"
        return Measured(best, "requests/s", method, None if best else f"no rate kept p{options.percentile:g} within it")
