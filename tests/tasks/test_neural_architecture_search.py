"""The mathematics of ENAS: cells, shared weights, the controller, and what an evaluation measures."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from rich.console import Console
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from aibench.config import ConfigError
from aibench.results.result import Status
from aibench.tasks.neural_architecture_search.cell import Cell, chain
from aibench.tasks.neural_architecture_search.controller import Controller
from aibench.tasks.neural_architecture_search.data import Data
from aibench.tasks.neural_architecture_search.figure import layout
from aibench.tasks.neural_architecture_search.model import SharedWeights
from aibench.tasks.neural_architecture_search.module import Module, moved, policy_loss
from aibench.tasks.neural_architecture_search.reading import CarriedState, in_order
from aibench.tasks.neural_architecture_search.windows import HeldOutBatch, RewardBatch, WeightsBatch
from aibench.text.vocabulary import EOS, PAD, SPECIALS
from aibench.training.ending import Interrupted
from aibench.training.loader import EvalBatches
from aibench.training.run import train

TASK = "task=neural_architecture_search"
TINY = ("model.hidden=6", "model.blocks=4", "model.controller_hidden=5", "optim.controller.candidates=3")
FACTS = {"words": [*SPECIALS, *(f"w{index}" for index in range(16))], "weights_steps": 3}
BRANCHED = Cell.of([0, 0, 1, 0, 2, 2, 3])  # nodes 1 and 2 take node 0, node 3 takes node 2
CELLS = [BRANCHED, Cell.of([3, 0, 1, 1, 0, 2, 2]), Cell.of([1, 0, 0, 0, 0, 0, 2]), Cell.of(chain(4))]
SESSION = (
    TASK,
    *("data.train_size=60", "data.val_size=20", "data.batch_size=10", "data.window=5", "hardware=cpu"),
    *("data.streams=10", "data.derivation_windows=4", "data.eval_batch_size=10"),
    *("hardware.threads=1", "progress=false", "session=epochs", "epochs=2", "optim.controller.steps=3"),
)


@pytest.fixture
def module(composed):
    """`module(...)` is a small one of 20 words."""

    def build(*words):
        config = composed(TASK, *TINY, *words)
        torch.manual_seed(0)
        return Module(config, FACTS)

    return build


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


FUNCTIONS = (np.tanh, lambda values: np.maximum(values, 0), lambda values: values, sigmoid)


def by_definition(shared, cell, words, state, largest):
    """Logits and last state by the formulas of ENAS' paper, word by word and row by row, in float64."""
    weights = {name: value.detach().double().numpy() for name, value in shared.state_dict().items()}
    hidden, pairs = state.shape[1], [(j, i) for j in range(1, len(cell.activations)) for i in range(j)]
    edges = {(i, j): weights[f"between.{place}"] for place, (j, i) in enumerate(pairs)}
    logits = np.zeros((*words.shape, len(weights["bias"])))
    last = state.numpy().astype(np.float64)
    for row, place in itertools.product(range(len(words)), range(words.shape[1])):
        x, h = weights["embedding"][words[row, place]], last[row]
        both = weights["from_input.weight"] @ x + weights["from_input.bias"] + weights["from_state"] @ h
        gate = sigmoid(both[:hidden])
        values = [gate * FUNCTIONS[cell.activations[0]](both[hidden:]) + (1 - gate) * h]
        for node, parent in enumerate(cell.parents, start=1):
            both = edges[parent, node] @ values[parent]
            gate = sigmoid(both[:hidden])
            values.append(gate * FUNCTIONS[cell.activations[node]](both[hidden:]) + (1 - gate) * values[parent])
        taken = set(cell.parents)
        h = np.mean([value for node, value in enumerate(values) if node not in taken], axis=0)
        last[row] = h = h * min(1, largest / np.linalg.norm(h))
        normal = (h - h.mean()) / np.sqrt(h.var() + 1e-5) * weights["norm.weight"] + weights["norm.bias"]
        logits[row, place] = weights["embedding"] @ normal + weights["bias"]
    return logits, last


# Cells and shared weights


def test_the_loose_ends_are_the_nodes_that_no_other_takes():
    assert BRANCHED.loose_ends == [1, 3]
    assert Cell.of(chain(5)).loose_ends == [4]
    assert str(BRANCHED) == "tanh, 0 relu, 0 identity, 2 sigmoid"


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("largest", [25.0, 0.3])
def test_a_child_computes_what_the_paper_defines(module, cell, largest):
    shared = module(f"model.largest_state={largest}", "model.initial=0.8").shared.eval()
    words, state = torch.randint(4, 20, (3, 5)), torch.randn(3, 6) * 0.1
    logits, last = shared(words, cell, state)
    expected, expected_last = by_definition(shared, cell, words.numpy(), state, largest)
    np.testing.assert_allclose(logits.detach(), expected, atol=1e-4)
    np.testing.assert_allclose(last.detach(), expected_last, atol=1e-5)
    assert last.norm(dim=1).max() <= largest * 1.0001


def test_two_windows_in_a_row_are_read_as_one_long_one(module):
    shared = module().shared.eval()
    words, zeros = torch.randint(4, 20, (2, 8)), torch.zeros(2, 6)
    whole, end = shared(words, BRANCHED, zeros)
    first, between = shared(words[:, :3], BRANCHED, zeros)
    second, last = shared(words[:, 3:], BRANCHED, between)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(last, end)


def test_dropout_takes_the_same_elements_at_all_places_and_nothing_in_evaluation(module):
    shared = module("model.input_dropout=0.5", "model.embedding_dropout=0.5", "model.output_dropout=0.5").shared
    words, zeros = torch.full((4, 6), 7), torch.zeros(4, 6)
    seen = []
    handle = shared.from_input.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    for _ in range(20):
        shared.train()(words, BRANCHED, zeros)
    handle.remove()
    assert all(torch.equal(given, given[:, :1].expand_as(given)) for given in seen)  # one word, so one mask, everywhere
    shares = [float((given == 0).all(2).float().mean()) for given in seen]
    assert {0.0, 1.0} <= {round(share, 6) for share in shares}, "a word loses its embedding in all rows, or in none"
    evaluated = [shared.eval()(words, BRANCHED, zeros)[0] for _ in range(2)]
    assert torch.equal(*evaluated)


def test_the_reference_has_the_counted_sizes_and_each_child_the_same_matrix_products(composed):
    config = composed(TASK, "scale=reference", "data.source=synthetic", "session=steps").model
    with torch.device("meta"):
        shared = SharedWeights(10_002, config)
        assert sum(weight.numel() for weight in shared.parameters()) == pytest.approx(146.0e6, rel=1e-3)
        generator = np.random.default_rng(0)
        for _ in range(3):
            parents = [int(generator.integers(node)) for node in range(1, 12)]
            cell = Cell(tuple(generator.integers(4, size=12).tolist()), tuple(parents))
            with FlopCounterMode(display=False) as counter:
                logits, _ = shared.eval()(torch.zeros(1, 1, dtype=torch.int64), cell, torch.zeros(1, 1000))
            assert counter.get_total_flops() / 2 == pytest.approx(36.0e6, rel=1e-3)
            shared.zero_grad()
            logits.sum().backward()
            active = sum(weight.numel() for weight in shared.parameters() if weight.grad is not None)
            assert active == pytest.approx(36.0e6, rel=1e-3)


# The controller


def all_cells(blocks):
    choices = [range(4)]
    for node in range(1, blocks):
        choices += [range(node), range(4)]
    return list(itertools.product(*choices))


def probability(controller, decisions):
    """Of one cell, by the chain rule, with an LSTM written out."""
    weights = {name: value.detach().double().numpy() for name, value in controller.state_dict().items()}
    size = weights["lstm.weight_hh"].shape[1]
    given, h, c, product = np.zeros(size), np.zeros(size), np.zeros(size), 1.0
    config = controller.config
    for place, decision in enumerate(decisions):
        gates = weights["lstm.weight_ih"] @ given + weights["lstm.bias_ih"]
        gates = gates + weights["lstm.weight_hh"] @ h + weights["lstm.bias_hh"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        raw = weights[f"layers.{place}.weight"] @ h + weights[f"layers.{place}.bias"]
        logits = config.tanh_constant * np.tanh(raw / config.temperature)
        product *= np.exp(logits[decision]) / np.exp(logits).sum()
        given = weights[("parent" if place % 2 else "activation") + "_embedding.weight"][decision]
    return product


def test_cells_are_sampled_as_often_as_their_probability_says(composed):
    config = composed(TASK, *TINY, "model.blocks=3", "model.temperature=0.2").model
    torch.manual_seed(3)
    controller = Controller(config)
    for weight in controller.parameters():
        torch.nn.init.uniform_(weight, -0.6, 0.6)
    expected = {cell: probability(controller, cell) for cell in all_cells(3)}
    assert sum(expected.values()) == pytest.approx(1)
    sampled = controller(20_000)
    found = [tuple(row) for row in sampled.decisions.tolist()]
    for cell, log_probability in zip(found[:50], sampled.log_probability.tolist(), strict=False):
        assert math.exp(log_probability) == pytest.approx(expected[cell], rel=1e-3)
    frequent = [cell for cell, share in expected.items() if share > 0.01]
    assert len(frequent) > 10
    for cell in frequent:
        assert found.count(cell) / 20_000 == pytest.approx(expected[cell], rel=0.25)
    entropy = -sum(share * math.log(share) for share in expected.values())
    assert float(sampled.entropy.detach().mean()) == pytest.approx(entropy, rel=0.01)


def test_the_policy_loss_has_the_gradient_of_the_expected_reward():
    """Over all choices, each as often as its probability; whatever the baseline."""
    logits = torch.randn(6, dtype=torch.float64, requires_grad=True)
    rewards, baseline = torch.rand(6, dtype=torch.float64), 0.7
    shares = logits.softmax(0)
    (expected,) = torch.autograd.grad(-(shares * rewards).sum(), logits)
    weighted = 6 * shares.detach() * (rewards - baseline)  # the mean over six is the sum over choices
    (found,) = torch.autograd.grad(policy_loss(logits.log_softmax(0), weighted), logits)
    torch.testing.assert_close(found, expected)


def test_the_first_reward_is_the_baseline_and_then_it_moves_towards_others():
    first = moved(torch.tensor(math.nan), torch.tensor(3.0), 0.9)
    assert float(first) == 3
    assert float(moved(first, torch.tensor(5.0), 0.9)) == pytest.approx(3.2)


class Alone:
    """Optimisers without a trainer."""

    def __init__(self, module, monkeypatch):
        module.configured = optimizers, schedules = module.configure_optimizers()
        monkeypatch.setattr(module, "optimizers", lambda: optimizers)
        monkeypatch.setattr(module, "lr_schedulers", lambda: schedules[0])
        monkeypatch.setattr(module, "manual_backward", lambda loss: loss.backward())


def test_the_controller_learns_what_is_rewarded_and_leaves_the_shared_weights_alone(module, monkeypatch):
    searched = module("optim.controller.lr=0.03", "optim.controller.samples=4")
    Alone(searched, monkeypatch)
    before = [weight.clone() for weight in searched.shared.parameters()]
    monkeypatch.setattr(searched, "_tried", lambda _, cell: torch.tensor(80.0 if cell.activations[0] == 1 else 160))
    batch = RewardBatch(torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, 3, dtype=torch.int64))
    for step in range(80):
        searched.training_step(batch, step)
    assert searched.phase == "controller"
    share = (searched.controller(500).decisions[:, 0] == 1).float().mean()
    assert share > 0.7
    assert all(torch.equal(weight, old) for weight, old in zip(searched.shared.parameters(), before, strict=True))


def test_a_step_of_the_shared_weights_moves_those_of_the_sampled_cell_alone(module, monkeypatch):
    searched = module("data.batch_size=2")
    Alone(searched, monkeypatch)
    before = {name: weight.clone() for name, weight in searched.named_parameters()}
    words, state = torch.randint(4, 20, (2, 5)), torch.get_rng_state()
    cell = Cell.of(searched.controller(1).decisions[0].tolist())
    torch.set_rng_state(state)
    searched.training_step(WeightsBatch(torch.tensor([0, 9]), words, words), 0)
    active = {node * (node - 1) // 2 + parent for node, parent in enumerate(cell.parents, start=1)}
    for name, weight in searched.named_parameters():
        moves = name.startswith("shared.") and ("between" not in name or int(name.split(".")[-1]) in active)
        assert torch.equal(weight, before[name]) != moves, name


def test_the_learning_rate_falls_after_each_pass_from_a_given_one_on(module):
    _, (schedule,) = module("optim.decay=0.5", "optim.decay_from=2").configure_optimizers()
    factors = [schedule.lr_lambdas[0](step) for step in range(12)]  # three steps a pass
    assert factors == [1.0] * 6 + [0.5] * 3 + [0.25] * 3


# Reading on


def test_a_state_is_carried_to_the_window_that_follows_and_to_no_other():
    carried = CarriedState(4, 2)
    assert not carried.before(torch.tensor([0, 5, 9, 3])).any()
    carried.put(torch.tensor([0, 5, 9, 3]), torch.ones(4, 2, requires_grad=True) * 2)
    assert carried.before(torch.tensor([1, 6, 0, 3])).tolist() == [[2, 2], [2, 2], [0, 0], [0, 0]]
    assert not carried.before(torch.tensor([1, 6, 0, 3])).requires_grad


def test_a_batch_is_read_one_time_of_its_streams_after_the_other():
    part, time = torch.tensor([1, 1, 1, 1, 2, 2]), torch.tensor([0, 0, 1, 1, 0, 0])
    batch = HeldOutBatch(part, torch.tensor([0, 1, 0, 1, 0, 1]), time, *torch.arange(6).expand(3, 6))
    found = [(part, rows.words.tolist()) for part, rows in in_order(batch)]
    assert found == [(1, [0, 1]), (1, [2, 3]), (2, [4, 5])]


# Evaluation


@pytest.fixture
def scored(composed, evaluated):
    """`scored(...)` is data, module, and what an evaluation logs."""

    def evaluate(*words):
        config = composed(TASK, *TINY, "data.val_size=12", "data.window=7", "data.streams=5", *words)
        data = Data(config)
        torch.manual_seed(0)
        module = Module(config, data.facts)
        return data, module, evaluated(module, data)[0]

    return evaluate


@torch.no_grad()
def test_perplexity_is_that_of_reading_each_stream_word_by_word(scored):
    data, module, logged = scored()
    text = data.texts["val"][: 12 * 7 + 1].tolist()
    length = math.ceil((len(text) - 1) / 35) * 7  # of each of five streams
    losses, sentence, of_sentence = [], text[0] == EOS, {}
    for start in range(0, len(text) - 1, length):
        state = torch.zeros(1, 6)
        for place in range(start, min(start + length, len(text) - 1)):
            logits, state = module.shared(torch.tensor([[text[place]]]), module.child, state)
            losses.append(float(cross_entropy(logits[0].double(), torch.tensor([text[place + 1]]))))
            of_sentence.setdefault(sentence, []).append(losses[-1])
            sentence += text[place + 1] == EOS
    assert len(losses) == 84
    assert logged["val/perplexity"] == pytest.approx(math.exp(sum(losses) / 84), rel=1e-5)
    scores = module.sample_scores()
    assert scores.numerators.tolist() == pytest.approx([sum(each) for each in of_sentence.values()], rel=1e-4)
    assert scores.denominators.tolist() == [len(each) for each in of_sentence.values()]


def test_the_scores_of_the_sentences_give_the_perplexity_that_is_logged(scored):
    _, module, logged = scored()
    scores = module.sample_scores()
    assert scores.value(np.arange(len(scores))) == pytest.approx(logged["val/perplexity"])


def test_the_size_of_an_evaluation_batch_changes_nothing(scored):
    logged = [scored(f"data.eval_batch_size={size}")[2] for size in (5, 3, 64)]
    assert logged[1] == pytest.approx(logged[0], rel=1e-6)
    assert logged[2] == pytest.approx(logged[0], rel=1e-6)


@torch.no_grad()
def test_the_child_is_the_candidate_that_reads_the_reward_text_best(scored):
    data, module, logged = scored("data.derivation_windows=10", "optim.controller.candidates=6", "model.initial=1")
    text = torch.from_numpy(data.texts["reward"][: 10 * 7 + 1])
    tried = {}
    for decisions in module.candidates.decisions.tolist():
        logits, _ = module.shared(text[:-1].view(10, 7), Cell.of(decisions), torch.zeros(10, 6))
        tried[tuple(decisions)] = math.exp(float(cross_entropy(logits.flatten(0, 1), text[1:])))
    assert tuple(module.derived.tolist()) == min(tried, key=tried.get)
    assert logged["reward/best_candidate"] == pytest.approx(min(tried.values()), rel=1e-5)
    assert len(set(tried.values())) > 1


@torch.no_grad()
def test_the_test_text_is_read_by_the_child_that_was_chosen_before(scored):
    data, module, _ = scored("model.initial=1")
    chosen = module.derived.clone()
    module.derived.copy_(torch.tensor(chain(4)))
    module.judging, logged = "test", {}
    module.log = lambda name, value: logged.update({name: float(value)})
    module.on_validation_epoch_start()
    for batch in EvalBatches(data, data.dataset("test")):
        module.validation_step(batch, 0)
    module.on_validation_epoch_end()
    assert module.derived.tolist() == chain(4)
    assert chosen.tolist() != chain(4)
    assert set(logged) == {"val/perplexity"}


def test_an_evaluation_draws_nothing_from_the_training_and_the_same_each_time(scored):
    torch.manual_seed(5)
    _, module, _ = scored()
    before, first = torch.get_rng_state(), module.candidates.decisions
    module.on_validation_epoch_start()
    assert torch.equal(module.candidates.decisions, first)
    assert torch.equal(torch.get_rng_state(), before)


def test_before_the_first_evaluation_the_child_is_a_chain(module):
    assert module().child == Cell((0, 0, 0, 0), (0, 1, 2))


def test_a_request_is_answered_with_the_most_probable_words(scored):
    data, module, _ = scored()
    batch = data.dataset("val").gather(torch.arange(3))
    answers = module.infer(batch)
    words = batch.words[:1]
    for word in answers[0].split(" "):
        logits = module(words)[0, -1].detach()
        logits[[0, 1, 3]] = -math.inf
        assert data.vocabulary.words[int(logits.argmax())] == word
        words = torch.cat([words, logits.argmax().view(1, 1)], 1)
    assert all(len(answer.split(" ")) == 20 for answer in answers)


def test_the_picture_has_each_node_below_its_parent_and_apart_from_the_others(scored):
    data, module, _ = scored()
    for cell in CELLS:
        places = layout(cell)
        assert len(set(places)) == len(cell.activations)
        assert all(places[node][1] > places[parent][1] for node, parent in enumerate(cell.parents, start=1))
    figure = module.render(data.dataset("val").gather(torch.arange(8)))
    assert len(figure.axes[1].texts) == 12


# Sessions


@pytest.mark.slow
def test_a_session_counts_both_phases_and_goes_on_after_a_kill_to_the_same_history(composed, tmp_path, monkeypatch):
    config = composed(*SESSION, *TINY, "target.evaluations_per_epoch=2.5", "resume=auto")
    results = {}
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    results["whole"] = train(config, tmp_path / "whole", None, Console(quiet=True))
    step, steps = Module.training_step, itertools.count()

    def until_killed(self, batch, batch_idx):
        if next(steps) == 13:
            raise Interrupted("killed")
        return step(self, batch, batch_idx)

    monkeypatch.setattr(Module, "training_step", until_killed)
    assert train(config, tmp_path / "killed", None, Console(quiet=True)).status is Status.interrupted
    monkeypatch.setattr(Module, "training_step", step)
    results["killed"] = train(config, tmp_path / "killed", None, Console(quiet=True))
    assert results["whole"].status is Status.completed, results["whole"].message
    assert results["killed"].resumed == 1
    histories = [[(row.steps, row.metrics) for row in result.history] for result in results.values()]
    assert histories[0] == histories[1]
    for result in results.values():
        assert {phase.name: (phase.steps, phase.samples) for phase in result.phases} == {
            "shared weights": (12, 120),
            "controller": (6, 60),
        }


@pytest.mark.slow
def test_a_session_in_bf16_trains_both(composed, tmp_path):
    config = composed(*SESSION, *TINY, "hardware.precision=bf16", "epochs=1", "target.evaluations_per_epoch=1")
    result = train(config, tmp_path, None, Console(quiet=True))
    assert result.status is Status.completed, result.message
    assert [phase.steps for phase in result.phases] == [6, 3]
    assert math.isfinite(result.history[0].metrics["val/perplexity"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("hardware.precision=fp16", r"hardware\.precision=fp16: its gradients are scaled"),
        ("model.blocks=1", r"model\.blocks=1: must be at least 2"),
        ("model.weight_dropout=1", r"model\.weight_dropout=1.0: must lie in 0 to 1"),
        ("optim.clip=0", r"optim\.clip=0.0: must be greater than 0"),
        ("optim.controller.samples=0", r"optim\.controller\.samples=0: must be at least 1"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(composed, words, said):
    with pytest.raises(ConfigError, match=said):
        composed(TASK, words)


def test_targets_that_are_no_word_do_not_count(scored):
    data, _, _ = scored()
    counts = {part: int((windows.tensors.targets != PAD).sum()) for part, windows in data.held_out.items()}
    assert counts == {"val": 84 + 32 * 7, "test": 84}
