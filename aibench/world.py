"""Says which of the processes of a run this one is, where torchrun or srun started several. Imports no torch."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

FIRST_PORT, PORTS = 20_000, 20_000  # where Slurm's jobs meet: by their numbers, so that two are not at one port


@dataclass(frozen=True, slots=True)
class World:
    """Holds the place of one process among those that train one run together.

    Attributes:
        rank, size: Its number, from 0, and how many there are.
        local_rank, local_size: The same among those of its machine.
        node, nodes: The number of its machine, from 0, and how many machines there are.
        starter: Who started the processes: `torchrun` or `srun`; empty where a run starts its own.
        address, port: Where the first process can be reached.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    node: int = 0
    nodes: int = 1
    starter: str = ""
    address: str = "127.0.0.1"
    port: int = 0

    @property
    def is_first(self) -> bool:
        """Return whether this process writes the run's files and speaks to the user."""
        return self.rank == 0


class WorldError(ValueError):
    """Reports variables of a launcher that contradict each other. The message is one line."""


def world_here(variables: Mapping[str, str] = os.environ) -> World:
    """Return the place of this process by the variables of torchrun, else of srun; alone without either.

    A shell inside of a Slurm job, and a script that `sbatch` runs, are alone: the tasks of a step are told apart by
    variables that `srun` alone sets.

    Raises:
        WorldError: They contradict each other.
    """
    if "TORCHELASTIC_RUN_ID" in variables:
        return _of_torchrun(variables)
    if int(variables.get("SLURM_STEP_NUM_TASKS") or 1) > 1 and variables.get("SLURM_PROCID"):
        return _of_srun(variables)
    return World()


def _of_torchrun(variables: Mapping[str, str]) -> World:
    size, local = _number(variables, "WORLD_SIZE"), _number(variables, "LOCAL_WORLD_SIZE")
    if size % local:
        raise WorldError(f"torchrun: {size} processes, {local} of them here. Start as many on each machine.")
    return World(
        rank=_number(variables, "RANK"),
        size=size,
        local_rank=_number(variables, "LOCAL_RANK"),
        local_size=local,
        node=_number(variables, "GROUP_RANK"),
        nodes=size // local,
        starter="torchrun",
        address=variables.get("MASTER_ADDR", "127.0.0.1"),
        port=_number(variables, "MASTER_PORT"),
    )


def _of_srun(variables: Mapping[str, str]) -> World:
    size, nodes = _number(variables, "SLURM_STEP_NUM_TASKS"), int(variables.get("SLURM_STEP_NUM_NODES") or 1)
    if size % nodes:
        raise WorldError(f"srun: {size} tasks on {nodes} machines. Give --ntasks-per-node, so that each has as many.")
    number = int(variables.get("SLURM_JOB_ID") or 0) + 64 * int(variables.get("SLURM_STEP_ID") or 0)
    return World(
        rank=_number(variables, "SLURM_PROCID"),
        size=size,
        local_rank=_number(variables, "SLURM_LOCALID"),
        local_size=size // nodes,
        node=_number(variables, "SLURM_NODEID"),
        nodes=nodes,
        starter="srun",
        address=variables.get("MASTER_ADDR") or first_host(variables.get("SLURM_STEP_NODELIST", "127.0.0.1")),
        port=int(variables.get("MASTER_PORT") or FIRST_PORT + number % PORTS),
    )


def first_host(nodes: str) -> str:
    """Return the first machine of a list as Slurm writes it.

    >>> first_host("gpu[007-009,012],login"), first_host("one,two")
    ('gpu007', 'one')
    """
    found = re.match(r"([^\[,]+)(?:\[([^\],-]+))?", nodes)
    return "".join(part or "" for part in found.groups()) if found else nodes


def _number(variables: Mapping[str, str], name: str) -> int:
    try:
        return int(variables[name])
    except (KeyError, ValueError) as error:
        raise WorldError(
            f"{name}={variables.get(name, '')}: a whole number is wanted, which the launcher sets."
        ) from error
