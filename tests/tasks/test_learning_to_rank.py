"""The mathematics of ranking distillation, and the data's way from files to windows."""

from __future__ import annotations

import gzip
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fixtures.gowalla import RAW, visits, write_raw, write_split
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.tasks.learning_to_rank import losses
from aibench.tasks.learning_to_rank.data import Data
from aibench.tasks.learning_to_rank.interactions import later_part
from aibench.tasks.learning_to_rank.model import Caser
from aibench.tasks.learning_to_rank.module import Module

TASK = "task=learning_to_rank"
SYNTHETIC = (TASK, "data.source=synthetic", "session=epochs", "epochs=4")
SMALL = ("data.users=40", "data.items=120", "data.interactions_per_user=20", "data.batch_size=64")
TINY = ("model.teacher_dimensions=12", "model.student_dimensions=6", "optim.teacher_epochs=2")


@pytest.fixture
def parts(composed):
    """`parts(...)` is data and module of small made-up check-ins; `module.at(epoch)` moves it there."""

    def build(*words):
        config = composed(*SYNTHETIC, *SMALL, *TINY, *words)
        data = Data(config)
        torch.manual_seed(0)
        module = Module(config, data.facts)
        loader = SimpleNamespace(dataset=data.dataset("train"))
        trainer = SimpleNamespace(current_epoch=0, train_dataloader=loader)
        module._trainer = trainer
        module._fabric = None
        return data, module, trainer

    return build


@pytest.fixture
def disk(composed):
    """`disk(folder, ...)` are the interactions that `data.root=folder` gives."""

    def read(folder, *words):
        root = (TASK, "data.source=disk", f"data.root={folder}", "session=epochs")
        return Data(composed(*root, "data.min_items_per_user=15", "data.min_users_per_item=15", *words)).interactions

    return read


# Windows, splits, negatives


@pytest.mark.parametrize("count", [5, 9, 10, 15, 41])
def test_the_last_fifth_of_each_users_time_is_held_out(count):
    user = np.tile([0, 1], count)
    late = later_part(user)
    for one in (0, 1):
        assert late[user == one].tolist() == [place >= math.floor(0.8 * count) for place in range(count)]


def test_negatives_change_with_the_generator_and_only_with_it(parts):
    dataset = parts()[0].dataset("train")
    drawn = []
    for seed in (1, 1, 2):
        dataset.redraw(np.random.default_rng(seed))
        drawn.append(dataset.gather(torch.arange(len(dataset)))[-1])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize("split", ["train", "val"])
def test_gathered_batches_equal_collated_samples(parts, split):
    data = parts()[0]
    dataset, indices = data.dataset(split), [3, 0, 11]
    collated = data.collate([dataset[index] for index in indices])
    for one, other in zip(dataset.gather(torch.tensor(indices)), collated, strict=True):
        assert torch.equal(one, other)


# Sources


@pytest.mark.parametrize("compressed", [False, True])
def test_the_raw_file_is_read_newest_first_and_its_rare_users_are_left_out(disk, tmp_path, compressed):
    wanted = visits()
    again = {user: [*places, places[0]] for user, places in wanted.items()}  # a second visit counts for nothing
    write_raw(tmp_path, {**again, 2: [1000, 1001]}, compressed=compressed)
    made = disk(tmp_path)
    assert len(made.train) == len(wanted)
    for user, places in enumerate(wanted.values()):
        cut = math.floor(0.8 * len(places))
        assert made.original[made.train.row(user) - 1].tolist() == places[:cut]
        assert made.original[made.held_out.row(user) - 1].tolist() == places[cut:]


def test_the_published_split_is_taken_as_it_is(disk, tmp_path):
    train = {7: [5, 3, 8, *range(20, 40)], 1: [8, 5, 9], 4: [*range(80, 50, -1)]}
    made = disk(write_split(tmp_path, train, {7: [9, 777], 1: [3], 4: [5, 8]}))
    assert made.items == len({item for items in train.values() for item in items})
    ours = {
        tuple(made.original[made.train.row(user) - 1]): made.original[made.held_out.row(user) - 1].tolist()
        for user in range(3)
    }
    assert ours == dict(zip(map(tuple, train.values()), ([9], [3], [5, 8]), strict=True))
    assert made.unrankable == 1  # training shows 777 to nobody


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("5\t2010-03-01T00:00:00Z\t30.2\t1003\n", "4 fields where 5 belong"),
        ("5\t2010-03-01T00:00:00Z\t30.2\t-97.7\t1003\t1\n", "6 fields where 5 belong"),
        ("5\t2010-03-01T00:00:00Z\t30.2\t-97.7\tcafe\n", "item 'cafe' is no whole number"),
        ("5.5\t2010-03-01T00:00:00Z\t30.2\t-97.7\t1003\n", "user '5.5' is no whole number"),
        ("5\t2010-03-32T00:00:00Z\t30.2\t-97.7\t1003\n", "time '2010-03-32T00:00:00Z' is not like"),
        ("5\t2010-03-01T00:00:00Z\tnorth\t-97.7\t1003\n", "latitude 'north' is no number"),
    ],
)
def test_a_damaged_check_in_is_named_by_file_and_line(disk, tmp_path, line, said):
    path = write_raw(tmp_path, visits())
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:40], line, *lines[40:]]))
    with pytest.raises(DataError) as error:
        disk(tmp_path)
    assert str(error.value).startswith(f"{path}:41: {said}")
    assert "\n" not in str(error.value)


def test_a_compressed_file_that_is_cut_off_is_said_to_be(disk, tmp_path):
    path = write_raw(tmp_path, visits(), compressed=True)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"\.gz: the compressed file is cut off or damaged"):
        disk(tmp_path)
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match="holds no line"):
        disk(tmp_path)


def test_a_split_whose_held_out_user_never_trains_is_refused(disk, tmp_path):
    write_split(tmp_path, {1: range(30)}, {1: [31], 4: [2]})
    with pytest.raises(DataError, match="user 4 has no line in"):
        disk(tmp_path)


def test_a_filter_that_leaves_nothing_says_what_to_lower(disk, tmp_path):
    write_raw(tmp_path, visits(users=3))
    with pytest.raises(DataError, match=r"Lower data\.min_items_per_user"):
        disk(tmp_path)


def test_a_folder_of_another_layout_is_refused_with_what_it_holds(composed, tmp_path):
    (tmp_path / "gowalla.zip").touch()
    with pytest.raises(ConfigError, match=rf"test/train\.txt.*{RAW}.*but gowalla\.zip"):
        composed(TASK, "scale=reference", f"data.root={tmp_path}")


def test_a_budget_that_ends_with_the_teacher_is_refused(composed):
    with pytest.raises(ConfigError, match=r"optim\.teacher_epochs=9: leaves the student none"):
        composed(TASK, "optim.teacher_epochs=9", "target.max_epochs=9")


# Caser


def test_the_references_have_the_published_sizes(composed):
    config = composed(TASK, "scale=reference", "data.source=synthetic", "session=steps").model
    users, items = 13_149, 14_007
    teacher, student = (Caser(users, items, d, config) for d in (config.teacher_dimensions, config.student_dimensions))
    assert sum(weight.numel() for weight in teacher.parameters()) == 5_583_500
    assert sum(weight.numel() for weight in student.parameters()) == pytest.approx(2.79e6, rel=2e-3)
    with FlopCounterMode(display=False) as counter:
        teacher.encode(torch.zeros(1, dtype=torch.int64), torch.ones(1, 5, dtype=torch.int64))
    assert counter.get_total_flops() == 2 * 85_000  # and 200 multiply-adds for each item that is scored


def test_caser_equals_its_definition_by_convolutions(composed):
    words = ("model.teacher_dimensions=12", "model.dropout=0", "model.convolution_activation=tanh")
    config = composed(TASK, *words).model
    torch.manual_seed(0)
    caser = Caser(9, 30, 12, config)
    users, sequences, items = torch.randint(9, (4,)), torch.randint(31, (4, 5)), torch.randint(31, (4, 3))
    image = caser.item_embedding(sequences).unsqueeze(1)
    vertical = nn.Conv2d(1, 2, (5, 1))
    vertical.weight.data, vertical.bias.data = caser.vertical.weight.data[:, None, :, None], caser.vertical.bias.data
    read = [vertical(image).squeeze(2).transpose(1, 2).flatten(1)]
    for height, linear in enumerate(caser.horizontal.filters, start=1):
        horizontal = nn.Conv2d(1, 16, (height, 12))
        horizontal.weight.data, horizontal.bias.data = linear.weight.data.view(16, 1, height, 12), linear.bias.data
        read.append(horizontal(image).tanh().squeeze(3).max(2).values)
    z = torch.sigmoid(caser.sequence[0](torch.cat(read, 1)))
    both = torch.cat([z, caser.user_embedding(users)], 1)
    expected = (both @ caser.output_embedding.weight.T + caser.output_bias.weight.T).gather(1, items)
    torch.testing.assert_close(caser(users, sequences, items), expected)
    torch.testing.assert_close(caser.score_all(caser.encode(users, sequences)).gather(1, items), expected)
    torch.testing.assert_close(caser.score_alike(caser.encode(users, sequences), items[0])[:1], expected[:1])


# Losses


def test_the_ranking_loss_is_the_binary_cross_entropy_and_stays_finite():
    positive, negative = np.random.default_rng(0).normal(size=(2, 6, 3))
    sigmoid = 1 / (1 + np.exp(-positive)), 1 / (1 + np.exp(-negative))
    expected = (-np.log(sigmoid[0]).sum(1) - np.log(1 - sigmoid[1]).sum(1)).mean()
    assert float(losses.ranking_loss(torch.tensor(positive), torch.tensor(negative))) == pytest.approx(expected)
    assert float(losses.ranking_loss(torch.full((1, 1), -200.0), torch.full((1, 1), 200.0))) == 400


def test_the_distillation_loss_and_its_weights_equal_a_loop():
    generator = np.random.default_rng(1)
    scores, sampled, items, decay, scale = generator.normal(size=(5, 4)), generator.normal(size=(5, 20)), 200, 1.5, 0.01
    total = 0.0
    for row in range(5):
        for place in range(4):
            position = math.exp(-(place + 1) / decay) / sum(math.exp(-(other + 1) / decay) for other in range(4))
            rank = math.floor(items * sum(value > scores[row, place] for value in sampled[row]) / 20)
            discrepancy = max(math.tanh(scale * (rank - place)), 0)
            total -= position * discrepancy * math.log(1 / (1 + math.exp(-scores[row, place]))) / 5
    student = torch.tensor(scores, dtype=torch.float32)
    ranks = losses.estimated_ranks(student, torch.tensor(sampled, dtype=torch.float32), items)
    weights = losses.position_weights(4, decay) * losses.discrepancy_weights(ranks, scale)
    assert float(losses.distillation_loss(student, weights)) == pytest.approx(total, rel=1e-5)


def test_position_weights_fall_by_a_constant_factor_and_sum_to_one():
    weights = losses.position_weights(10, 1.0)
    assert float(weights.sum()) == pytest.approx(1)
    assert (weights[1:] / weights[:-1]).tolist() == pytest.approx([math.exp(-1)] * 9)


# Phases


@pytest.mark.parametrize(("epoch", "trained", "idle"), [(0, "teacher", "student"), (3, "student", "teacher")])
def test_an_epoch_trains_one_network_and_leaves_the_other_alone(parts, epoch, trained, idle):
    data, module, trainer = parts("optim.weight_decay=0.5", "optim.distillation.discrepancy_from=0")
    optimizer = module.configure_optimizers()
    dataset = data.dataset("train")
    for current in (0, epoch):  # a step of the teacher first, so that Adam's moments are not zero
        trainer.current_epoch = current
        before = {name: weight.clone() for name, weight in module.named_parameters()}
        loss = module.training_step(dataset.gather(torch.arange(64)), 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert module.phase == trained
    for name, weight in module.named_parameters():
        if name.startswith(idle):
            assert torch.equal(weight, before[name])
        elif "embedding" not in name:
            assert not torch.equal(weight, before[name])


def test_the_teachers_items_are_its_best_unseen_ones_and_are_found_again(parts):
    data, module, _ = parts()
    module.train()
    items = module.teacher_items()
    dataset = data.dataset("train")
    assert len(items) == len(dataset)
    module.teacher.eval()
    for window in range(0, len(dataset), 29):
        _, user, sequence, *_ = dataset[window]
        scores = module.teacher(user[None], sequence[None], torch.arange(1, 121)[None])[0].detach()
        scores[data.interactions.train.row(int(user)) - 1] = -math.inf
        assert items[window].tolist() == (scores.argsort(descending=True)[:10] + 1).tolist()
    module._teacher_items = None
    assert torch.equal(module.teacher_items(), items)


def test_without_alpha_the_student_never_asks_its_teacher(parts):
    data, module, trainer = parts("optim.distillation.alpha=0")
    trainer.current_epoch = 3
    module.training_step(data.dataset("train").gather(torch.arange(64)), 0)
    assert module._teacher_items is None


def test_discrepancy_weights_apply_from_their_epoch_on(parts, monkeypatch):
    data, module, trainer = parts("optim.distillation.discrepancy_from=1", "optim.distillation.position_decay=1")
    weights = []
    monkeypatch.setattr(
        "aibench.tasks.learning_to_rank.module.distillation_loss",
        lambda scores, of_places: weights.append(of_places) or scores.sum(),
    )
    for trainer.current_epoch in (2, 3):
        module.training_step(data.dataset("train").gather(torch.arange(7)), 0)
    assert torch.equal(weights[0], losses.position_weights(10, 1.0))
    assert weights[1].shape == (7, 10)


def test_ten_unseen_items_are_recommended_best_first(parts):
    data, module, _ = parts()
    module.eval()
    batch = data.dataset("val").gather(torch.arange(8))
    items, scores = module.infer(batch)
    assert items.shape == (8, 10)
    assert (scores.diff(dim=1) <= 0).all()
    torch.testing.assert_close(module(batch[0], batch[1], items), scores)
    for user in range(8):
        assert not {0, *batch[2][user].tolist()} & set(items[user].tolist())
