"""Makes one gradient of those of several processes, as strategies of Lightning."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor, nn

from aibench.world import World


class Place(ClusterEnvironment):
    """Tells Lightning the place of this process, whoever started it. Without it Lightning takes a Slurm job for its."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return self.world.address

    @property
    def main_port(self) -> int:
        return self.world.port

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self.world.size

    def set_world_size(self, size: int) -> None: ...

    def global_rank(self) -> int:
        return self.world.rank

    def set_global_rank(self, rank: int) -> None: ...

    def local_rank(self) -> int:
        return self.world.local_rank

    def node_rank(self) -> int:
        return self.world.node


class Overlapping(DDPStrategy):
    """Runs Lightning's DDP in a group that is there already.

    DistributedDataParallel sends gradients while others are still computed. It does not broadcast buffers: the session
    does so before an evaluation, and leaves out those that are a rank's own.
    """

    def __init__(self, world: World, device: torch.device, idles: bool) -> None:
        super().__init__(
            parallel_devices=[device],
            cluster_environment=Place(world),
            broadcast_buffers=False,
            find_unused_parameters=idles,
            gradient_as_bucket_view=not idles,  # a view would be a gradient of what idles
        )

    @property
    def root_device(self) -> torch.device:
        assert self.parallel_devices is not None
        return self.parallel_devices[0]

    @property
    def world_size(self) -> int:
        """Return 1: with more, Lightning asks all ranks before each step whether one was sent SIGTERM.

        It waits for the device to answer. The session has its own agreement on that.
        """
        return 1

    def _configure_launcher(self) -> None:
        self._launcher = None

    def silence(self) -> None:
        """Stop sending gradients: each process goes its own way."""
        assert isinstance(self.model, nn.parallel.DistributedDataParallel)
        self.model.require_backward_grad_sync = False

    def setup_distributed(self) -> None:
        rank_zero_only.rank = self.global_rank  # type: ignore[attr-defined]  # as Lightning's own does

    def set_world_ranks(self) -> None: ...


class Summing(Overlapping):
    """Sums the gradients of each backward pass when it is over, in the order of the parameters.

    It knows nothing of networks that are moved in turn, and needs to know nothing: what has a new gradient on one rank
    has one on all.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._touched: set[int] = set()
        self._hooks: list[Any] = []
        self._is_silent = False

    def silence(self) -> None:
        self._is_silent = True

    def configure_ddp(self) -> None:
        assert self.model is not None
        for parameter in self.model.parameters():
            dist.broadcast(parameter.detach(), src=0)
            if parameter.requires_grad:
                hook = parameter.register_post_accumulate_grad_hook(self._note)  # type: ignore[no-untyped-call]
                self._hooks.append(hook)

    def _note(self, parameter: Tensor) -> None:
        self._touched.add(id(parameter))

    def pre_backward(self, closure_loss: Tensor) -> None:
        self._touched.clear()

    def post_backward(self, closure_loss: Tensor) -> None:
        assert isinstance(self.model, nn.Module)
        if self._is_silent:
            return
        found = [each.grad for each in self.model.parameters() if id(each) in self._touched and each.grad is not None]
        reduce_together(found)

    def teardown(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        super().teardown()


def reduce_together(gradients: list[Tensor]) -> None:
    """Replace each of `gradients` by its mean over all processes, in one message for each type."""
    size = dist.get_world_size()
    for kind in dict.fromkeys(gradient.dtype for gradient in gradients):
        own = [gradient for gradient in gradients if gradient.dtype is kind]
        flat = torch.cat([gradient.flatten() for gradient in own])
        dist.all_reduce(flat)
        flat /= size
        parts = torch.split(flat, [gradient.numel() for gradient in own])
        for gradient, part in zip(own, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
