"""Plain loops of PyTorch over the files of two references, as a textbook or a tutorial writes them.

`time_to_quality.py` trains them beside the sessions of the suite.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, Subset

from aibench.composition import registry


@dataclass
class Course:
    """What one training did.

    Attributes:
        marks: Processor and wall seconds at its start, and after each evaluation.
        quality: After each evaluation.
    """

    marks: list[tuple[float, float]] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)

    def mark(self) -> None:
        self.marks.append((time.process_time(), time.perf_counter()))

    def seconds(self, clock: int, until: int = -1) -> float:
        return self.marks[until][clock] - self.marks[0][clock]


class NeuMF(nn.Module):
    """NeuMF as its paper draws it."""

    def __init__(self, users: int, items: int, factors: int, layers: list[int]) -> None:
        super().__init__()
        self.gmf_users, self.gmf_items = nn.Embedding(users, factors), nn.Embedding(items, factors)
        self.mlp_users, self.mlp_items = nn.Embedding(users, layers[0] // 2), nn.Embedding(items, layers[0] // 2)
        modules: list[nn.Module] = []
        for before, after in pairwise(layers):
            modules += [nn.Linear(before, after), nn.ReLU()]
        self.mlp = nn.Sequential(*modules)
        self.output = nn.Linear(factors + layers[-1], 1)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        factorised = self.gmf_users(users) * self.gmf_items(items)
        perceived = self.mlp(torch.cat([self.mlp_users(users), self.mlp_items(items)], dim=-1))
        logits: Tensor = self.output(torch.cat([factorised, perceived], dim=-1))
        return logits.squeeze(-1)


class Pairs(Dataset[tuple[Tensor, ...]]):
    """Users, items and labels, sample by sample."""

    def __init__(self, *columns: Tensor) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(column[index] for column in self.columns)


def recommendation(config: Any, course: Course) -> None:
    data = registry.data_class(config.task)(config)
    samples, requests = data.dataset("train"), data.dataset("val")
    torch.manual_seed(config.seed)
    start = registry.module_class(config.task)(config, data.facts)
    network = NeuMF(data.facts["users"], data.facts["items"], config.model.factors, list(config.model.layers))
    network.load_state_dict(start.network.state_dict())
    optimizer = torch.optim.Adam(network.parameters(), lr=config.optim.lr)
    loss_function = nn.BCEWithLogitsLoss()
    users, candidates = requests.tensors[:2]
    repeated = users[:, None].expand_as(candidates).reshape(-1)
    width = candidates.shape[1]
    tests = DataLoader(Pairs(repeated, candidates.reshape(-1).long() - 1), batch_size=width)
    course.mark()
    for epoch in range(config.epochs):
        samples.redraw(np.random.default_rng((config.seed, epoch, 1)))
        pairs = Pairs(*samples.gather(torch.arange(len(samples))))
        order = [batch.tolist() for batch in data.plan(samples, np.random.default_rng((config.seed, epoch)))]
        network.train()
        for user, item, label in DataLoader(pairs, batch_sampler=order):
            optimizer.zero_grad()
            loss = loss_function(network(user, item - 1), label)
            loss.backward()
            optimizer.step()
        network.eval()
        hits = []
        with torch.no_grad():
            for user, item in tests:
                best = network(user, item).topk(10).indices
                hits.append(float(0 in best))
        course.quality.append(float(np.mean(hits)))
        course.mark()


class Net(nn.Module):
    """PyTorch's tutorial on spatial transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = nn.Dropout2d()
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)
        self.localization = nn.Sequential(
            nn.Conv2d(1, 8, kernel_size=7),
            nn.MaxPool2d(2, stride=2),
            nn.ReLU(True),
            nn.Conv2d(8, 10, kernel_size=5),
            nn.MaxPool2d(2, stride=2),
            nn.ReLU(True),
        )
        self.fc_loc = nn.Sequential(nn.Linear(10 * 3 * 3, 32), nn.ReLU(True), nn.Linear(32, 3 * 2))

    def stn(self, x: Tensor) -> Tensor:
        xs = self.localization(x)
        theta = self.fc_loc(xs.view(-1, 10 * 3 * 3)).view(-1, 2, 3)
        grid = functional.affine_grid(theta, list(x.size()), align_corners=False)
        return functional.grid_sample(x, grid, align_corners=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stn(x)
        x = functional.relu(functional.max_pool2d(self.conv1(x), 2))
        x = functional.relu(functional.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        x = x.view(-1, 320)
        x = functional.relu(self.fc1(x))
        x = functional.dropout(x, training=self.training)
        return functional.log_softmax(self.fc2(x), dim=1)


def spatial_transformer(config: Any, course: Course) -> None:
    from torchvision import datasets, transforms

    data = registry.data_class(config.task)(config)
    torch.manual_seed(config.seed)
    start = registry.module_class(config.task)(config, data.facts)
    network = Net()
    for own, first in zip(_in_order(network), start.parameters(), strict=True):
        own.data.copy_(first.data)
    optimizer = torch.optim.SGD(network.parameters(), lr=config.optim.lr)
    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((config.data.mean,), (config.data.std,))]
    )
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "MNIST/raw"
        raw.mkdir(parents=True)
        for path in data.file_paths():
            (raw / path.name.replace(".idx", "-idx")).symlink_to(path.resolve())
        whole = {part: datasets.MNIST(folder, train=part == "train", transform=transform) for part in ("train", "val")}
        training, held_out = (Subset(whole[part], range(len(data.dataset(part)))) for part in whole)
        tests = DataLoader(held_out, batch_size=config.data.eval_batch_size)
        course.mark()
        for epoch in range(config.epochs):
            plan = data.plan(training, np.random.default_rng((config.seed, epoch)))
            network.train()
            for images, labels in DataLoader(training, batch_sampler=[batch.tolist() for batch in plan], generator=OWN):
                optimizer.zero_grad()
                loss = functional.nll_loss(network(images), labels)
                loss.backward()
                optimizer.step()
            network.eval()
            right = 0
            with torch.no_grad():
                for images, labels in tests:
                    right += int((network(images).argmax(1) == labels).sum())
            course.quality.append(right / len(held_out))
            course.mark()


OWN = torch.Generator()  # so that a loader draws nothing from the generator of the dropout


def _in_order(network: Net) -> list[nn.Parameter]:
    """The parameters in the order of the session's network: the transformer's, then the classifier's."""
    parts = (network.localization, network.fc_loc, network.conv1, network.conv2, network.fc1, network.fc2)
    return [parameter for part in parts for parameter in part.parameters()]


LOOPS = {"recommendation": recommendation, "spatial_transformer": spatial_transformer}
