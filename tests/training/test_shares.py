"""The ranks' shares of a batch, and of the held-out samples, are parts of the whole: no sample twice, none left out."""

from __future__ import annotations

import numpy as np
import pytest

from aibench.composition import registry
from aibench.composition.restore import restored
from aibench.config import ConfigError, on_one_device, plain, with_global_batch
from aibench.training.loader import EvalBatches, TrainBatches
from aibench.world import World, WorldError, first_host, world_here

SMALL = ("data.train_size=96", "data.val_size=32", "data.batch_size=32", "data.eval_batch_size=5")
SIZES = range(1, 9)
tasks = pytest.mark.parametrize("task", registry.task_names())


@pytest.fixture
def data(composed):
    return lambda task: registry.data_class(task)(composed(f"task={task}", *SMALL))


@tasks
def test_shares_partition_every_training_batch(task, data):
    found = data(task)
    dataset = found.dataset("train")
    for size in SIZES:
        for indices in list(found.plan(dataset, np.random.default_rng(1)))[:3]:
            shares = [found.share(dataset, np.asarray(indices), rank, size) for rank in range(size)]
            assert sorted(np.concatenate(shares).tolist()) == sorted(np.asarray(indices).tolist())
            if len(indices) % size == 0:
                assert len({len(share) for share in shares}) == 1


@tasks
def test_every_rank_judges_its_part_in_as_many_batches_as_the_others(task, data):
    found = data(task)
    dataset = found.dataset("val")
    for size in (1, 2, 3, 4):
        worlds = [World(rank=rank, size=size, local_rank=rank, local_size=size) for rank in range(size)]
        planned = [EvalBatches(found, dataset, world) for world in worlds]
        assert len({len(batches) for batches in planned}) == 1
        judged = np.concatenate([batch for batches in planned for batch in batches._batches])
        assert sorted(judged.tolist()) == list(range(len(dataset)))


def test_a_rank_reads_its_share_and_counts_the_whole_batch(data):
    found = data("spatial_transformer")
    whole = TrainBatches(found, found.dataset("train"), seed=1)
    half = TrainBatches(found, found.dataset("train"), 1, World(rank=1, size=2, local_rank=1, local_size=2))
    for batch, share in zip(whole, half, strict=True):
        assert share[1].tolist() == batch[1][1::2].tolist()
    assert half.after(2) == whole.after(2)
    assert half.own_samples == whole.own_samples // 2


def test_people_stay_together(data):
    found = data("face_embedding")
    dataset = found.dataset("train")
    people = found._labels("train")
    for rank in range(2):
        share = found.share(dataset, found.plan(dataset, np.random.default_rng(1))[0], rank, 2)
        assert set(np.bincount(people[share])) <= {0, found.config.batch_shape[1]}


def test_in_weak_scaling_the_task_sees_the_batch_of_all(composed):
    config = composed("task=spatial_transformer", "hardware.scaling=weak", "data.batch_size=8")
    assert with_global_batch(config, 4).data.batch_size == 32
    assert config.data.batch_size == 8


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("hardware.devices=3",), "hardware.devices=3: 3 devices cannot have equal shares of data.batch_size=128."),
        (("hardware.devices=0",), "hardware.devices=0: must be at least 1."),
        (("hardware.devices=some",), "hardware.devices=some: must be a whole number, or all."),
        (("task=image_to_image", "hardware.devices=2", "hardware.strategy=ddp"), "hardware.strategy=ddp: "),
        (("hardware.devices=2", "hardware.strategy=reduce", "hardware.compile=true"), "hardware.compile=true: "),
        (("hardware=cpu", "hardware.sync_batchnorm=true"), "hardware.sync_batchnorm=true: "),
        (("task=face_embedding", "hardware.devices=7"), "hardware.devices=7: 7 devices cannot have as many of the "),
    ],
)
def test_what_cannot_be_shared_out_is_refused_in_a_line(words, line, composed):
    if not words[0].startswith("task="):
        words = ("task=spatial_transformer", *words)
    with pytest.raises(ConfigError) as caught:
        composed(*words)
    assert str(caught.value).startswith(line)


TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "GROUP_RANK": "1",
    "MASTER_ADDR": "node1",
    "MASTER_PORT": "29500",
}
SRUN = {
    "SLURM_STEP_NUM_TASKS": "16",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_PROCID": "9",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_NODELIST": "gpu[007-008]",
}


def test_the_variables_of_torchrun_and_of_srun_give_the_place():
    assert world_here(TORCHRUN) == World(5, 8, 1, 4, 1, 2, "torchrun", "node1", 29500)
    found = world_here(SRUN)
    assert (found.rank, found.size, found.local_rank, found.local_size) == (9, 16, 1, 8)
    assert (found.node, found.nodes, found.starter, found.address) == (1, 2, "srun", "gpu007")
    assert world_here({**SRUN, "MASTER_PORT": "1234"}).port == 1234


@pytest.mark.parametrize(
    "variables", [{}, {"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, {**SRUN, "SLURM_STEP_NUM_TASKS": "1"}]
)
def test_a_process_without_a_launcher_is_alone_in_a_job_of_slurm_too(variables):
    assert world_here(variables) == World()


@pytest.mark.parametrize(
    "variables",
    [{**TORCHRUN, "WORLD_SIZE": "7"}, {**TORCHRUN, "RANK": ""}, {**SRUN, "SLURM_STEP_NUM_TASKS": "15"}],
)
def test_variables_that_contradict_each_other_are_refused(variables):
    with pytest.raises(WorldError):
        world_here(variables)


def test_the_first_machine_of_a_list_of_slurm():
    assert [first_host(nodes) for nodes in ("a", "a,b", "gpu[3,5]", "gpu[007-009],login")] == [
        "a",
        "a",
        "gpu3",
        "gpu007",
    ]


def test_what_takes_one_device_refuses_several_and_serves_what_several_trained(composed):
    several = composed("task=spatial_transformer", "hardware.devices=2")
    with pytest.raises(ConfigError, match=r"hardware.devices=2: training alone takes several devices"):
        on_one_device(several)
    assert on_one_device(restored(plain(several))).hardware.devices == 1
