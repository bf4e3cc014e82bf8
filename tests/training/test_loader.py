"""The order of training batches."""

from __future__ import annotations

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
