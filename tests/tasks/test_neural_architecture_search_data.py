"""The text's way from a manual or from files to windows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from fixtures.ptb import FILES, write_lines, write_ptb

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.tasks.neural_architecture_search.data import PENN_WORDS, Data, encoded
from aibench.tasks.neural_architecture_search.manual import assigned, manual, runs
from aibench.tasks.neural_architecture_search.windows import PARTS, HeldOutWindows, RewardBatch, TrainingWindows
from aibench.text.vocabulary import EOS, PAD, UNK, Vocabulary
from aibench.training.loader import EvalBatches, TrainBatches

TASK = "task=neural_architecture_search"
DISK = (TASK, "data.source=disk", "session=epochs", "data.batch_size=3", "data.window=7")


@pytest.fixture
def disk(composed, tmp_path):
    """`disk(...)` is the data that the files in `tmp_path` give."""
    return lambda *words: Data(composed(*DISK, f"data.root={tmp_path}", *words))


def numbers(start, count):
    """A text whose words count up, so that a place can be told from its word."""
    return np.arange(start, start + count)


# The manual


def test_the_parts_of_the_manual_have_their_shares_and_repeat_no_paragraph():
    parts = manual()
    sizes = {part: sum(map(len, paragraphs)) for part, paragraphs in parts.items()}
    total = sum(sizes.values())
    for part, share in {"train": 0.8, "reward": 0.05, "val": 0.075, "test": 0.075}.items():
        assert sizes[part] == pytest.approx(share * total, rel=0.1)
        assert len(parts[part]) > 50
    spelled = [" ".join(words) for paragraphs in parts.values() for words in paragraphs]
    assert len(set(spelled)) == len(spelled)
    assert not any("::=" in text or "|" in text or ">>>" in text for text in spelled)


def test_the_parts_of_the_manual_hardly_repeat_each_other():
    parts = manual()
    said = {}
    for part in ("train", "reward", "val", "test"):
        said[part] = set().union(*(runs(" ".join(words)) for words in parts[part]))
    for part in ("reward", "val", "test"):
        assert len(said[part] & said["train"]) < 0.02 * len(said[part])


def test_topics_go_to_the_part_that_lacks_most_and_none_fills_a_small_part():
    sizes = {"a": 500, "b": 200, "c": 100, "d": 50, "e": 25, "f": 25, "g": 50, "h": 50}
    found = assigned(sizes, {"large": 0.8, "small": 0.2})
    assert (found["a"], found["b"], found["c"]) == ("large", "large", "large")  # over a quarter of 200
    assert {name for name in sizes if found[name] == "small"} == {"d", "e", "f", "g", "h"}


def test_the_vocabulary_is_that_of_the_training_text(composed):
    data = Data(composed(TASK))
    counts = {}
    for words in manual()["train"]:
        for word in words:
            counts[word] = counts.get(word, 0) + 1
    assert set(data.vocabulary.words[4:]) == {word for word, count in counts.items() if count >= 2}
    held_out = [word for words in manual()["val"] for word in (*words, None)]
    expected = [EOS if word is None else UNK if counts.get(word, 0) < 2 else -1 for word in held_out]
    ours = data.texts["val"].tolist()
    assert [index if index in (EOS, UNK) else -1 for index in ours] == expected


# Windows


def test_an_epoch_reads_the_text_on_from_batch_to_batch_and_starts_where_the_seed_says():
    dataset = TrainingWindows(numbers(100, 62), numbers(1000, 9), window=3, count=None, batch=4, controller_steps=2)
    assert (len(dataset.words), dataset.passes, len(dataset)) == (20, 5, 28)
    plans = [dataset.plan(np.random.default_rng(seed)) for seed in range(30)]
    for plan in plans:
        assert [len(batch) for batch in plan] == [4] * 7
        batches = [dataset.gather(torch.from_numpy(indices)) for indices in plan]
        for before, after in pairwise(batches[:5]):
            wraps = after.number == 0
            assert torch.equal(before.targets[:, -1][~wraps], after.words[:, 0][~wraps])
        assert all(isinstance(batch, RewardBatch) for batch in batches[5:])
        assert sorted(torch.cat([batch.number for batch in batches[:5]]).tolist()) == list(range(20))
    assert len({int(plan[0][0]) for plan in plans}) > 10


def test_what_does_not_divide_is_left_out_elsewhere_each_time():
    dataset = TrainingWindows(numbers(0, 24), numbers(0, 5), window=1, count=None, batch=5, controller_steps=0)
    left = [set(range(23)) - set(np.concatenate(dataset.plan(np.random.default_rng(seed))).tolist()) for seed in (1, 2)]
    assert all(len(windows) == 3 for windows in left)
    assert left[0] != left[1]


def test_every_word_of_a_held_out_text_is_a_target_once_in_the_order_of_its_stream():
    texts = {"reward": numbers(1, 8), "val": numbers(100, 53), "test": numbers(1000, 11)}
    dataset = HeldOutWindows(texts, window=4, streams=3)
    for place, part in enumerate(PARTS):
        ours = dataset.tensors.part == place
        words, targets, stream = (
            dataset.tensors.words[ours],
            dataset.tensors.targets[ours],
            dataset.tensors.stream[ours],
        )
        found = torch.cat([targets[stream == one].flatten() for one in range(3)])
        assert found[found != PAD].tolist() == texts[part][1:].tolist()
        assert (targets[words != PAD] - words[words != PAD] == 1).sum() == len(texts[part]) - 1
        assert dataset.tensors.time[ours].tolist() == sorted(dataset.tensors.time[ours].tolist())


def test_a_batch_of_the_miniatures_evaluation_is_one_time_of_all_streams(composed):
    data = Data(composed(TASK))
    for batch in EvalBatches(data, data.dataset("val")):
        assert len(set(zip(batch.part.tolist(), batch.time.tolist(), strict=True))) == 1
        assert batch.stream.tolist() == list(range(data.config.data.streams))


def test_sizes_are_limited_and_a_short_text_is_refused(composed):
    data = Data(composed(TASK, "data.train_size=40", "data.val_size=20", "data.batch_size=20"))
    assert len(data.training.words) == 40
    for part in ("val", "test"):
        tensors = data.held_out.tensors
        assert int((tensors.targets[tensors.part == PARTS.index(part)] != PAD).sum()) == 20 * 20
    with pytest.raises(DataError, match=r"data\.batch_size=50: more than the 46 windows"):
        Data(composed(TASK, "data.window=1000", "data.batch_size=50"))
    with pytest.raises(DataError, match=r"data\.window=4000: the reward text has 2,927 words"):
        Data(composed(TASK, "data.window=4000"))


# Penn Treebank


@pytest.mark.parametrize("folder", [".", "data", "simple-examples/data"])
def test_files_are_read_as_they_were_written(disk, tmp_path, folder):
    texts = write_ptb(tmp_path / folder)
    data = disk()
    for part, sentences in texts.items():
        expected = [word if word != "<unk>" else "<unk>" for words in sentences for word in (*words, "</s>")]
        assert [data.vocabulary.words[index] for index in data.texts[part]] == expected
    assert np.array_equal(data.texts["reward"], data.texts["val"]), "cells are tried on the validation text, as in ENAS"
    assert len(data.vocabulary) == 9 + 4  # <unk> is one of the four


def test_a_run_on_files_has_batches_of_both_kinds(disk, tmp_path):
    write_ptb(tmp_path)
    data = disk("optim.controller.steps=2")
    batches = list(TrainBatches(data, data.dataset("train"), seed=1))
    assert [type(batch).__name__ for batch in batches] == ["WeightsBatch"] * data.training.passes + ["RewardBatch"] * 2
    assert any("not the published file" in line for line in data.verify())


def test_another_layout_is_refused_with_what_it_holds(composed, tmp_path):
    (tmp_path / "wsj_0001.mrg").touch()
    with pytest.raises(ConfigError, match=r"looked for ptb\.train\.txt .*found wsj_0001\.mrg"):
        composed(*DISK, f"data.root={tmp_path}")
    write_ptb(tmp_path)
    (tmp_path / FILES["test"]).unlink()
    with pytest.raises(ConfigError, match=r"looked for ptb\.test\.txt"):
        composed(*DISK, f"data.root={tmp_path}")


def test_a_damaged_file_is_named_with_its_line(disk, tmp_path):
    write_ptb(tmp_path)
    path = tmp_path / FILES["val"]
    path.write_bytes(b" the company \n caf\xe9 said \n")
    with pytest.raises(DataError, match=r"ptb\.valid\.txt, line 2: byte 5 is 0xe9, no UTF-8"):
        disk()
    write_lines(path, [["the"], [], ["it"]])
    with pytest.raises(DataError, match=r"ptb\.valid\.txt, line 2: holds no word"):
        disk()
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"ptb\.valid\.txt: holds no line"):
        disk()
    write_lines(path, [["the", "company"]])
    with pytest.raises(DataError, match=r"the val text has 3 words"):
        disk()


def test_made_up_text_has_the_sizes_of_penn_treebank(composed):
    data = Data(composed(TASK, "scale=reference", "data.source=synthetic", "session=steps"))
    assert {part: len(data.texts[part]) for part in PENN_WORDS} == PENN_WORDS
    assert data.training.passes == (929_588 // 35) // 64
    assert len(data.vocabulary) == 10_002
    assert all(text.min() >= EOS and text.max() < 10_002 for text in data.texts.values())


def test_a_sentence_ends_and_an_unknown_word_is_unknown():
    vocabulary = Vocabulary.counted([["a", "b", "a"]])
    assert encoded(vocabulary, [["a", "x"], ["b", "<unk>", "</s>"]]).tolist() == [4, UNK, EOS, 5, UNK, UNK, EOS]
