"""The text's way from where it is kept to windows."""

from __future__ import annotations

import hashlib
import lzma
import platform
from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest
import torch
from fixtures.ptb import FILES, write_lines, write_ptb

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.tasks.neural_architecture_search.data import PENN_WORDS, Data, encoded
from aibench.tasks.neural_architecture_search.embedded import FOLDER, LEAST, sentences
from aibench.tasks.neural_architecture_search.windows import PARTS, HeldOutWindows, RewardBatch, TrainingWindows
from aibench.text.vocabulary import EOS, PAD, UNK, Vocabulary
from aibench.training.loader import EvalBatches, TrainBatches
from benchmarks.texts import manual
from benchmarks.texts.prose import Heard, assigned, runs

TASK = "task=neural_architecture_search"
DISK = (TASK, "data.source=disk", "session=epochs", "data.batch_size=3", "data.window=7")


@pytest.fixture
def disk(composed, tmp_path):
    """`disk(...)` is the data that the files in `tmp_path` give."""
    return lambda *words: Data(composed(*DISK, f"data.root={tmp_path}", *words))


def numbers(start, count):
    """A text whose words count up, so that a place can be told from its word."""
    return np.arange(start, start + count)


# The embedded text

PINNED = {  # SHA-256 of the texts that the targets were calibrated on
    "train": "acd5a9ff375e4309953ca4551e175e3e956adfa26355fdb223fa788e96035460",
    "reward": "584c3e24cd3bd14b944ffb74199cb6ce832bb8744ad60510e9238c15e98b6895",
    "val": "6c1d453158d07cba87d0b68e55e23fb144c1ff70b417b595d3f6296c524ab11e",
    "test": "847f24bccb7e1dff00c785b7a3042764f5d3222a26f17ad0aa76d0bdd8f4d63b",
}


def test_the_embedded_text_is_the_one_that_the_targets_are_of():
    for part, wanted in PINNED.items():
        content = lzma.decompress((FOLDER / f"{part}.txt.xz").read_bytes())
        assert hashlib.sha256(content).hexdigest() == wanted, part


def test_the_parts_of_the_text_hardly_repeat_each_other():
    said = {part: set().union(*(runs(" ".join(words)) for words in rows)) for part, rows in sentences().items()}
    for one, other in combinations(said, 2):
        assert len(said[one] & said[other]) < 0.01 * min(len(said[one]), len(said[other]))


def test_the_parts_are_prose_and_large_enough():
    parts = sentences()
    sizes = {part: sum(map(len, paragraphs)) for part, paragraphs in parts.items()}
    assert sizes["train"] > 150_000
    assert min(sizes["val"], sizes["test"]) > 25_000
    spelled = [" ".join(words) for paragraphs in parts.values() for words in paragraphs]
    assert not any("::=" in text or "|" in text or ">>>" in text for text in spelled)


@pytest.mark.skipif(platform.python_version() != "3.11.7", reason="the text is of Python 3.11.7")
@pytest.mark.slow
def test_the_text_is_what_the_script_extracts():
    kept = {part: [" ".join(words) for words in paragraphs] for part, paragraphs in sentences().items()}
    assert manual.parts() == kept


def test_topics_go_to_the_part_that_lacks_most_and_none_fills_a_small_part():
    sizes = {"a": 500, "b": 200, "c": 100, "d": 50, "e": 25, "f": 25, "g": 50, "h": 50}
    found = assigned(sizes, {"large": 0.8, "small": 0.2})
    assert (found["a"], found["b"], found["c"]) == ("large", "large", "large")  # over a quarter of 200
    assert {name for name in sizes if found[name] == "small"} == {"d", "e", "f", "g", "h"}


def test_a_paragraph_that_repeats_earlier_ones_is_known():
    heard, words = Heard(), [f"word{letter}" for letter in "abcdefghijklmnop"]
    assert not heard.repeats(" ".join(words))
    assert heard.repeats(" ".join(words[2:14]))
    assert not heard.repeats(" ".join(reversed(words)))


def test_the_vocabulary_is_that_of_the_training_text(composed):
    data = Data(composed(TASK))
    counts = Counter(word for words in sentences()["train"] for word in words)
    assert set(data.vocabulary.words[4:]) == {word for word, count in counts.items() if count >= LEAST}
    held_out = [word for words in sentences()["val"] for word in (*words, None)]
    expected = [EOS if word is None else UNK if counts[word] < LEAST else -1 for word in held_out]
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


def test_a_target_has_the_number_of_the_sentence_that_it_stands_in():
    text = np.array([4, 5, EOS, 6, EOS, 7, 8, 9, EOS])
    dataset = HeldOutWindows({"val": text}, window=2, streams=2)
    targets, sentences = (part.flatten().tolist() for part in (dataset.tensors.targets, dataset.tensors.sentences))
    found = [(word, number) for word, number in zip(targets, sentences, strict=True) if word != PAD]
    assert sorted(found) == sorted([(5, 0), (EOS, 0), (6, 1), (EOS, 1), (7, 2), (8, 2), (9, 2), (EOS, 2)])


def test_the_validation_text_comes_after_the_reward_text_and_the_test_text_alone(composed):
    data = Data(composed(TASK, "data.val_size=12"))
    windows = {part: data.dataset(part).tensors for part in ("val", "test")}
    for part, tensors in windows.items():
        kinds = {PARTS.index(part)} | ({PARTS.index("reward")} if part == "val" else set())
        assert set(tensors.part.tolist()) == kinds
        ours = tensors.targets[tensors.part == PARTS.index(part)]
        assert sorted(ours[ours != PAD].tolist()) == sorted(
            data.texts[part][1 : 12 * data.config.data.window + 1].tolist()
        )


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
        tensors = data.dataset(part).tensors
        assert int((tensors.targets[tensors.part == PARTS.index(part)] != PAD).sum()) == 20 * 20
    with pytest.raises(DataError, match=r"data\.batch_size=500: more than the 19\d windows"):
        Data(composed(TASK, "data.window=1000", "data.batch_size=500"))
    with pytest.raises(DataError, match=r"data\.window=12000: the reward text has 10,612 words"):
        Data(composed(TASK, "data.window=12000"))


# Penn Treebank


@pytest.mark.parametrize("folder", [".", "data", "simple-examples/data"])
def test_files_are_read_as_they_were_written(disk, tmp_path, folder):
    texts = write_ptb(tmp_path / folder)
    data = disk()
    for part, rows in texts.items():
        expected = [word for words in rows for word in (*words, "</s>")]
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
