"""NeuMF, its metric and what a user is shown."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score
from torch.utils.flop_counter import FlopCounterMode
from torchmetrics.retrieval import RetrievalHitRate

from aibench.composition.compose import composed
from aibench.config import ConfigError
from aibench.nn.neumf import NeuMF
from aibench.tasks.recommendation.config import ModelConfig
from aibench.tasks.recommendation.data import Data
from aibench.tasks.recommendation.metric import LeaveOneOut
from aibench.tasks.recommendation.module import Module

TASK = "task=recommendation"
SYNTHETIC = (TASK, "data.source=synthetic", "session=epochs", "data.batch_size=64")
SMALL = ("data.users=30", "data.items=200", "data.ratings=600", "data.candidates=20")


@pytest.fixture(scope="module")
def parts():
    """Data and module of a few made-up interactions."""
    config = composed((*SYNTHETIC, *SMALL))
    data = Data(config)
    torch.manual_seed(0)
    return data, Module(config, data.facts).eval()


def measured(scores, k=10):
    metric = LeaveOneOut(k)
    metric.update(torch.as_tensor(scores))
    return [float(value) for value in metric.compute().values()]


# Metric


def test_the_metric_is_the_mean_over_all_orders_of_tied_candidates():
    """Every permutation of five candidates that sorts them, the first being the one to be found, at k = 2."""
    scores = np.random.default_rng(0).integers(0, 3, size=(30, 5)).astype(np.float32)
    hits, gains = [], []
    for row in scores:
        orders = [order for order in itertools.permutations(range(5)) if (np.diff(row[list(order)]) <= 0).all()]
        places = [order.index(0) + 1 for order in orders]
        hits.append(np.mean([place <= 2 for place in places]))
        gains.append(np.mean([1 / math.log2(place + 1) if place <= 2 else 0 for place in places]))
    assert measured(scores, k=2) == pytest.approx([np.mean(hits), np.mean(gains)], abs=1e-6)


def test_the_metric_agrees_with_scikit_learn_and_torchmetrics():
    scores = np.random.default_rng(1).normal(size=(80, 100)).astype(np.float32)
    truth = np.zeros_like(scores, dtype=int)
    truth[:, 0] = 1
    users = torch.arange(80)[:, None].expand(80, 100).flatten()
    hit_rate = RetrievalHitRate(top_k=10)(torch.tensor(scores).flatten(), torch.tensor(truth).flatten(), users)
    assert measured(scores) == pytest.approx([float(hit_rate), ndcg_score(truth, scores, k=10)], abs=1e-6)
    coarse = scores.round()  # scikit-learn averages over ties too
    assert measured(coarse)[1] == pytest.approx(ndcg_score(truth, coarse, k=10), abs=1e-6)


@pytest.mark.parametrize("candidates", [100, 1000])
def test_a_constant_score_earns_chance(candidates):
    chance = [10 / candidates, sum(1 / math.log2(place + 1) for place in range(1, 11)) / candidates]
    assert measured(torch.full((7, candidates), 0.3)) == pytest.approx(chance)


def test_a_score_that_is_no_number_finds_nothing():
    scores = torch.zeros(1, 100)
    scores[0, 0] = torch.nan
    assert measured(scores) == [0, 0]
    assert measured(torch.full((1, 100), torch.nan)) == [0, 0]
    beside = torch.arange(100.0).flip(0)[None].clone()
    beside[0, 5:14] = torch.nan  # nine before the held-out item, which without them is the first
    assert measured(beside) == pytest.approx([1, 1 / math.log2(11)])


def test_batches_of_users_add_up():
    scores = torch.randn(50, 40)
    metric = LeaveOneOut(10)
    for part in scores.split([1, 20, 29]):
        metric.update(part)
    assert [float(value) for value in metric.compute().values()] == pytest.approx(measured(scores))


# Network


def test_the_reference_has_the_parameters_and_multiply_adds_of_mlperfs():
    config = composed((TASK, "scale=reference", "data.source=synthetic", "session=steps")).model
    for users, items, parameters in (943, 1682, 611_073), (6040, 3706, 1_978_305), (138_493, 26_744, 31_832_577):
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            network = NeuMF(users, items, config)
            network(torch.zeros(1, dtype=torch.int64), torch.ones(1, dtype=torch.int64))
        assert sum(weight.numel() for weight in network.parameters()) == parameters
        assert counter.get_total_flops() == 2 * 106_624


def test_neumf_equals_its_definition():
    torch.manual_seed(0)
    network = NeuMF(7, 9, ModelConfig(factors=3, layers=[8, 5, 4]))
    weights = {name: weight.detach().numpy() for name, weight in network.named_parameters()}
    users, items = np.array([0, 6, 3]), np.array([1, 9, 4])
    product = weights["gmf_users.weight"][users] * weights["gmf_items.weight"][items - 1]
    hidden = np.hstack([weights["mlp_users.weight"][users], weights["mlp_items.weight"][items - 1]])
    for layer in ("mlp.0", "mlp.2"):
        hidden = np.maximum(hidden @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"], 0)
    expected = np.hstack([product, hidden]) @ weights["output.weight"][0] + weights["output.bias"]
    ours = network(torch.tensor(users), torch.tensor(items)).detach()
    np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_the_gradients_of_repeated_users_and_items_are_those_of_the_concatenation():
    torch.manual_seed(0)
    network = NeuMF(4, 5, ModelConfig(factors=3, layers=[8, 5, 4])).double()
    users, items = torch.tensor([0, 3, 0, 0, 2]), torch.tensor([5, 1, 1, 5, 2])
    product = network.gmf_users(users) * network.gmf_items(items - 1)
    hidden = torch.cat([network.mlp_users(users), network.mlp_items(items - 1)], dim=1)
    for layer in (network.mlp[0], network.mlp[2]):
        hidden = (hidden @ layer.weight.T + layer.bias).clamp(min=0)
    expected = torch.cat([product, hidden], dim=1) @ network.output.weight[0] + network.output.bias
    upstream = torch.randn(5, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad(x, network.parameters(), upstream) for x in (network(users, items), expected))
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=1e-12)


def test_users_and_candidates_are_scored_as_their_pairs_are():
    network = NeuMF(7, 9, ModelConfig(factors=3, layers=[8, 5]))
    users, candidates = torch.tensor([2, 5]), torch.tensor([[1, 9, 3], [4, 4, 2]])
    grid = network(users[:, None], candidates)
    for row, column in itertools.product(range(2), range(3)):
        torch.testing.assert_close(grid[row, column], network(users[row], candidates[row, column]))


# Module


def test_the_loss_is_the_cross_entropy_of_the_labels(parts):
    data, module = parts
    users, items, labels = data.dataset("train").gather(torch.arange(64))
    likely = module(users, items).sigmoid()
    expected = -(labels * likely.log() + (1 - labels) * (1 - likely).log()).mean()
    torch.testing.assert_close(module.training_step((users, items, labels), 0), expected)


def test_the_ten_best_candidates_are_shown_best_first(parts):
    data, module = parts
    batch = data.dataset("val").gather(torch.arange(8))
    items, likely = module.infer(batch)
    assert items.shape == (8, 10)
    assert (likely.diff(dim=1) <= 0).all()
    torch.testing.assert_close(module(batch[0][:, None], items).sigmoid(), likely)
    for user in range(8):
        assert set(items[user].tolist()) <= set(batch[1][user].tolist())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("model.layers=[9,4]",), r"model\.layers=\[9, 4\]: needs the width of the input, an even number"),
        (("model.layers=[8]",), r"model\.layers=\[8\]: needs"),
        (("data.candidates=9",), r"data\.candidates=9: must be at least 10"),
        (("optim.negatives=0",), r"optim\.negatives=0: must be at least 1"),
        (("data.ratings=9000", "data.users=30", "data.items=200"), r"data\.ratings=9000: more than half"),
    ],
)
def test_what_cannot_run_is_refused(words, said):
    with pytest.raises(ConfigError, match=said):
        composed((TASK, *words))
