"""The order of training batches."""

from __future__ import annotations

import random

import numpy as np
import torch

from aibench.contract import TaskData, Tensors
from aibench.training.loader import TrainBatches


class EasyFirst(TaskData):
    """Ten numbers, in their own order in the first epoch."""

    def dataset(self, split):
        return Tensors(torch.arange(10))

    def first_plan(self, dataset, generator):
        return np.split(np.arange(10), 5)

    def fingerprint(self):
        return ""


def test_the_first_epoch_has_the_order_that_the_data_give_it_and_the_others_are_shuffled(composed):
    data = EasyFirst(composed("task=image_classification", "data.batch_size=2"))
    batches = TrainBatches(data, data.dataset("train"), seed=1)
    epochs = [[batch.tolist() for (batch,) in batches] for _ in range(3)]
    assert epochs[0] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert all(sorted(number for batch in epoch for number in batch) == list(range(10)) for epoch in epochs)
    resumed = TrainBatches(data, data.dataset("train"), seed=1)
    resumed.go_to(3)
    assert [batch.tolist() for (batch,) in resumed] == epochs[0][3:]
    assert [batch.tolist() for (batch,) in resumed] == epochs[1]


class Drawn(TaskData):
    """Samples that draw from each of the three global random states."""

    def dataset(self, split):
        return self

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return torch.tensor([index, random.random(), np.random.random(), torch.rand(1).item()], dtype=torch.float64)

    def fingerprint(self):
        return ""


def test_samples_are_equal_in_any_number_of_workers_and_leave_the_random_states_of_the_process_alone(composed):
    read, states = [], []
    for workers in (0, 1, 2):
        config = composed("task=image_classification", "data.batch_size=2", f"data.workers={workers}")
        data = Drawn(config)
        random.seed(5), np.random.seed(5), torch.manual_seed(5)
        batches = TrainBatches(data, data, seed=1)
        read.append([batch.tolist() for _ in range(2) for batch in batches])
        states.append((random.random(), np.random.random(), torch.rand(1).item()))
    assert read[0] == read[1] == read[2]
    assert states[0] == states[1] == states[2]
    values = [tuple(sample[1:]) for batch in read[0] for sample in batch]
    assert len(set(values)) == len(values)
