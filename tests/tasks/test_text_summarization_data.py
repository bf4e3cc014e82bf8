"""Texts and summaries on their way from files to batches."""

from __future__ import annotations

import ast
import hashlib
import lzma
from importlib.metadata import version

import numpy as np
import pytest
import torch
from fixtures.gigaword import HEADLINES, TEXTS, write
from rouge_score import rouge_scorer
from sklearn.feature_extraction.text import TfidfVectorizer

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.tasks.text_summarization.corpus import Corpus, encoded
from aibench.tasks.text_summarization.data import Data
from aibench.tasks.text_summarization.embedded import FOLDER, examples
from aibench.text.vocabulary import EOS, PAD, UNK
from benchmarks.texts import docstrings as script
from benchmarks.texts.prose import docstrings, runs

TASK = "task=text_summarization"


@pytest.fixture
def disk(composed, tmp_path):
    """`disk(folder, ...)` are the data that `data.root=folder` gives."""

    def read(folder, *words):
        places = (f"data.root={folder}", f"data.cache={tmp_path / 'cache'}")
        return Data(composed(TASK, "scale=reference", *places, "data.batch_size=2", *words))

    return read


def spelled(data, split):
    """The pairs of a split as strings."""
    pairs, words = data.dataset(split).pairs, data.facts["words"]
    return [
        tuple(
            " ".join(words[word] for word in part[at].tolist() if word != EOS)
            for part in (pairs.texts, pairs.summaries)
        )
        for at in range(len(pairs))
    ]


# Gigaword


@pytest.mark.parametrize("origin", ["harvardnlp/sent-summary", "UniLM's org_data"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("below", ["", "sumdata"])
def test_lines_are_read_as_they_were_written(disk, tmp_path, origin, compressed, below):
    write(tmp_path / "root" / below, origin=origin, compressed=compressed)
    data = disk(tmp_path / "root")
    assert spelled(data, "train") == spelled(data, "val") == list(zip(TEXTS, HEADLINES, strict=True))


def test_the_test_files_are_held_out_where_they_are_asked_for(disk, tmp_path):
    files = write(tmp_path / "root")
    for path, line in zip(files["test"], ("UNK dogs bark", "dogs"), strict=True):
        path.write_text(line + "\n")
    assert spelled(disk(tmp_path / "root", "data.held_out=test"), "val") == [("<unk> dogs bark", "dogs")]


def test_an_empty_line_is_no_training_pair_but_counts_where_it_is_held_out(disk, tmp_path):
    write(tmp_path / "root", texts=[*TEXTS, "", "words"], headlines=[*HEADLINES, "nothing", ""])
    data = disk(tmp_path / "root")
    assert len(data.dataset("train")) == 4
    assert spelled(data, "val")[4:] == [("<unk>", "nothing"), ("words", "")]
    assert data.verify()[-1] == "train: 2 left out, with an empty side"
    assert [text.split()[0] for text in data.identity().differences] == ["6", "6"], "all lines count"


def test_no_line_can_spell_the_end(disk, tmp_path):
    write(tmp_path / "root", texts=["a </s> b", "<pad> c"], headlines=["</s> b", "<s>"])
    assert spelled(disk(tmp_path / "root"), "train") == [("a <unk> b", "<unk> b"), ("<unk> c", "<unk>")]


def test_a_long_text_and_a_long_training_summary_are_cut_off_and_a_held_out_summary_is_not(disk, tmp_path):
    write(tmp_path / "root", texts=["a b c d e"] * 2, headlines=["v w x y z"] * 2)
    data = disk(tmp_path / "root", "data.source_words=3", "data.summary_words=4")
    texts, summaries = data.dataset("train").gather(torch.tensor([0, 1]))
    assert texts.shape == (2, 3)
    assert summaries.shape == (2, 4)
    assert EOS not in summaries
    assert data.dataset("val").gather(torch.tensor([0]))[1].tolist()[0][-1] == EOS
    assert data.dataset("val").gather(torch.tensor([0]))[1].shape == (1, 6)


def test_held_out_pairs_are_drawn_by_the_seed_of_the_data(disk, tmp_path):
    write(tmp_path / "root", texts=[f"text {at}" for at in range(50)], headlines=[f"line {at}" for at in range(50)])
    drawn = [spelled(disk(tmp_path / "root", f"data.seed={seed}", "data.val_size=10"), "val") for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 10


def test_files_that_changed_are_read_again(disk, tmp_path):
    files = write(tmp_path / "root")
    before = disk(tmp_path / "root").fingerprint()
    assert disk(tmp_path / "root").fingerprint() == before
    files["train"][1].write_text("another headline\n" * 4)
    assert disk(tmp_path / "root").fingerprint() != before


def test_files_of_unequal_length_are_refused(disk, tmp_path):
    path = write(tmp_path / "root")["train"][1]
    path.write_text("one headline\n")
    with pytest.raises(DataError, match=r"train\.article\.txt: 4 lines, and 1 in .*train\.title\.txt"):
        disk(tmp_path / "root")


def test_a_byte_that_is_no_utf_8_is_named_by_file_and_line(disk, tmp_path):
    path = write(tmp_path / "root")["train"][0]
    path.write_bytes(b"fine\nd\xe9j\xe0 vu\nfine\nfine\n")
    with pytest.raises(DataError, match=r"train\.article\.txt, line 2: byte 2 is 0xe9, no UTF-8"):
        disk(tmp_path / "root")


def test_a_compressed_file_that_is_cut_off_is_said_to_be(disk, tmp_path):
    path = write(tmp_path / "root", compressed=True)["train"][0]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="cut off or damaged"):
        disk(tmp_path / "root")


def test_files_without_a_pair_are_refused(disk, tmp_path):
    write(tmp_path / "root", texts=["", ""], headlines=["a", "b"])
    with pytest.raises(DataError, match=r"train\.article\.txt: holds no pair of a text and a headline"):
        disk(tmp_path / "root")


@pytest.mark.parametrize("missing", ["valid", "train"])
def test_a_folder_of_another_layout_is_refused_with_what_it_holds(composed, tmp_path, missing):
    files = write(tmp_path)
    files[missing][1].unlink()
    with pytest.raises(
        ConfigError, match=r"looked for train/train\.article\.txt.*found .*train.*Set data\.root"
    ) as error:
        composed(TASK, "scale=reference", f"data.root={tmp_path}")
    assert "\n" not in str(error.value)


# Corpus and batches


def test_the_most_frequent_words_of_the_training_part_come_first():
    corpus = encoded(
        {
            "train": [(["b", "a", "b"], ["c", "a"]), (["b"], ["d"])],
            "val": [(["z", "d", "b"], ["b", "b", "b"])],
        },
        3,
    )
    assert corpus.words[4:] == ("b", "a", "c", "d", "z")
    assert corpus.splits["train"].texts[0].tolist() == [4, 5, 4]
    assert corpus.splits["train"].summaries[0].tolist() == [6, 5, EOS]
    assert corpus.splits["val"].texts[0].tolist() == [8, 7, 4]


def test_a_corpus_is_loaded_as_it_was_saved():
    corpus = encoded({"train": [(["über", "a", "b"], ["c", "UNK"])], "val": [(["z"], [])]}, 9)
    loaded = Corpus.of(corpus.arrays())
    assert loaded.words == corpus.words
    assert loaded.splits["train"].summaries[0].tolist() == [corpus.words.index("c"), UNK, EOS]
    assert loaded.splits.keys() == corpus.splits.keys()
    assert all(loaded.splits[split].fingerprint() == corpus.splits[split].fingerprint() for split in corpus.splits)


@pytest.mark.parametrize("split", ["train", "val"])
def test_gathered_batches_equal_collated_samples(composed, split):
    data = Data(composed(TASK, "data.source=synthetic", "session=steps", "data.train_size=40", "data.val_size=20"))
    dataset = data.dataset(split)
    gathered = dataset.gather(torch.tensor([3, 0, 11]))
    for one, other in zip(gathered, data.collate([dataset[at] for at in (3, 0, 11)]), strict=True):
        assert torch.equal(one, other)


def test_made_up_texts_have_the_references_shapes_and_words_that_the_model_does_not_know(composed):
    words = ("scale=reference", "data.source=synthetic", "session=steps", "data.train_size=200")
    data = Data(composed(TASK, *words))
    texts, summaries = data.dataset("train").gather(torch.arange(200))
    assert texts.shape == (200, 55)
    assert summaries.shape == (200, 15)
    assert int(texts.max()) >= data.facts["vocabulary"] == 50_000
    assert PAD not in texts


# Docstrings

PINNED = {  # SHA-256 of the texts that the targets were calibrated on
    "train": "12de634df93caeda4bfa55d501651a257da5243acd3beaea83716aee6f91c9fb",
    "val": "9a94222efb466ce455f6f88e27f699e21cf2d4a66cf20740876555f2aadaf1b3",
    "test": "421d27b92987ed7eef88f21643d9a5dd45c50afe445ab380294b086a769b0be7",
}

SOURCE = '''
class HTTPServer:
    """Listens to the network for ever.

    One request at a time, in the order in which they come, and no faster.
    """

    def serve_again(self):
        """One line."""

    async def shut_down(self):
        """Stops the server.

        Requests that have come are answered first, later ones are refused with 503.
        """
'''


def test_docstrings_are_found_in_classes_and_functions_without_importing_them():
    found = docstrings(ast.parse(SOURCE + "raise ImportError"))
    assert [name for name, _ in found] == ["HTTPServer", "serve_again", "shut_down"]


def test_a_pair_is_the_rest_of_a_docstring_and_its_first_line():
    (_, long), (_, short), _ = docstrings(ast.parse(SOURCE))
    assert script.pair(long) == (
        "one request at a time in the order in which they come and no faster",
        "listens to the network for ever",
    )
    assert script.pair(short) is None  # there is nothing to say it of


def test_what_occurs_twice_is_kept_once_and_no_held_out_text_repeats_one_that_is_trained_on(monkeypatch):
    rows = {"train": [("a b c d e f g h i", "first"), ("j", "first"), ("a b c d e f g h i", "other")]}
    rows |= {"val": [("z a b c d e f g h", "third"), ("q r s t", "fourth")], "test": [("q r s t", "fifth")]}
    monkeypatch.setattr(script, "VERSIONS", {"one": "1"})
    monkeypatch.setattr(script, "part_of", lambda file: file)
    monkeypatch.setattr(script, "pairs", lambda _: [(part, pair) for part, found in rows.items() for pair in found])
    assert script.parts() == {"train": ["a b c d e f g h i\tfirst"], "val": ["q r s t\tfourth"], "test": []}


def test_the_embedded_texts_are_the_ones_that_the_targets_are_of():
    for part, wanted in PINNED.items():
        content = lzma.decompress((FOLDER / f"{part}.txt.xz").read_bytes())
        assert hashlib.sha256(content).hexdigest() == wanted, part


def test_the_parts_share_no_text_and_no_summary_and_hardly_a_run_of_words():
    parts = {part: examples(part) for part in PINNED}
    for place in (0, 1):
        strings = [" ".join(example[place]) for part in parts.values() for example in part]
        assert len(set(strings)) == len(strings)
    said = {part: [runs(" ".join(text)) for text, _ in rows] for part, rows in parts.items()}
    trained = set().union(*said["train"])
    assert all(len(row & trained) <= 0.2 * len(row) for part in ("val", "test") for row in said[part])
    assert np.mean([len(row & trained) / len(row) for row in said["val"]]) < 0.02


@pytest.mark.slow
def test_the_texts_are_what_the_script_extracts():
    if any(version(name) != wanted for name, wanted in script.VERSIONS.items()):
        pytest.skip("other versions are installed than those that the texts are of")
    kept = {part: [f"{' '.join(text)}\t{' '.join(summary)}" for text, summary in examples(part)] for part in PINNED}
    assert script.parts() == kept


def test_the_miniature_has_three_parts_and_batches_of_like_lengths(composed):
    data = Data(composed(TASK))
    assert data.parts == ("train", "val", "test")
    assert min(len(data.dataset(part)) for part in ("val", "test")) > 1000
    lengths = data.dataset("train").pairs.texts.lengths
    assert lengths.max() == 30
    batches = data.plan(data.dataset("train"), np.random.default_rng(1))
    assert np.mean([np.ptp(lengths[batch]) for batch in batches]) < 5


# Baselines


@pytest.fixture
def judged(composed):
    """The words of the miniature's pairs by part, and its baselines by name."""
    data = Data(composed(TASK, "data.train_size=1500", "data.val_size=60"))
    return {part: spelled(data, part) for part in data.parts}, {one.name: one.quality for one in data.baselines()}


def test_the_first_words_score_what_the_rouge_score_package_gives(judged):
    words, found = judged
    (name,) = (name for name in found if name.startswith("the text's first"))
    count = int(name.split()[3])
    scorer = rouge_scorer.RougeScorer(["rougeL"])
    for part in ("val", "test"):
        scores = [scorer.score(summary, " ".join(text.split()[:count])) for text, summary in words[part]]
        assert found[name][part] == pytest.approx(np.mean([score["rougeL"].fmeasure for score in scores]))


def test_the_most_similar_text_is_that_of_scikit_learns_vectorizer(judged):
    words, found = judged
    known = [text for text, _ in words["train"]]
    vectorizer = TfidfVectorizer(token_pattern=r"\S+", sublinear_tf=True).fit(known)
    similarity = (vectorizer.transform([text for text, _ in words["val"]]) @ vectorizer.transform(known).T).toarray()
    scorer = rouge_scorer.RougeScorer(["rougeL"])
    scores = [
        scorer.score(summary, words["train"][row.argmax()][1])["rougeL"].fmeasure
        for (_, summary), row in zip(words["val"], similarity, strict=True)
    ]
    assert found["the most similar training text's summary"]["val"] == pytest.approx(np.mean(scores), abs=0.01)
