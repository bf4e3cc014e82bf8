"""Sentences on their way from the grammar and from files to batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fixtures import multi30k
from fixtures.wmt14 import CORPORA, HELD_OUT, TRAINING, write_pair, write_wmt14

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.tasks.text_to_text import lexicon
from aibench.tasks.text_to_text.baseline import ROUNDS, Trigrams, translations
from aibench.tasks.text_to_text.data import Data
from aibench.tasks.text_to_text.grammar import corpus, ending
from aibench.tasks.text_to_text.samples import references
from aibench.tasks.text_to_text.tokens import written
from aibench.text.vocabulary import BOS, EOS, PAD, SPECIALS, UNK

TASK = "task=text_to_text"
REFERENCE = (TASK, "scale=reference", "data.vocabulary=80", "data.batch_size=8", "session=epochs")
MULTI30K = (TASK, "scale=reference", "model=text_to_text/multi30k", "data=text_to_text/multi30k", "data.batch_size=4")
EVERY_TRAINING_PAIR = [pair for name in CORPORA for pair in TRAINING[name]]


@pytest.fixture
def disk(composed, tmp_path):
    """`disk("data.x=y", ...)` reads WMT14 from `tmp_path / "root"`, with a cache beside it."""

    def read(*words):
        return Data(composed(*REFERENCE, f"data.root={tmp_path / 'root'}", f"data.cache={tmp_path / 'cache'}", *words))

    return read


@pytest.fixture
def root(tmp_path):
    return write_wmt14(tmp_path / "root")


def texts(data, split, side):
    """The sentences of a split, put together again from their tokens."""
    samples = data.dataset(split)
    entries, tokens = data.entries[side], data.config.data.tokens
    return [written(samples[at][side].tolist(), entries, tokens) for at in range(len(samples))]


# The grammar


def test_the_german_is_what_a_person_would_write():
    written_by_hand = {
        "My doctor helps a garden.": "Meine Ärztin hilft einem Garten.",
        "This cat for the man calls a new girl.": "Diese Katze für den Mann ruft ein neues Mädchen an.",
        "Seventy-one teachers may trust my small cat.": "Einundsiebzig Lehrer dürfen meiner kleinen Katze vertrauen.",
        "Often he chooses the woman.": "Oft sucht er die Frau aus.",
        "She believes that seven women have opened my gardens.": "Sie glaubt, dass sieben Frauen meine Gärten "
        "aufgemacht haben.",
        "Does she follow these green trees tomorrow?": "Folgt sie morgen diesen grünen Bäumen?",
        "Can he carry my big teachers near the books today?": "Kann er heute meine großen Lehrer bei den Büchern "
        "tragen?",
        "These big men paint fifty-one beautiful cats often.": "Diese großen Männer malen oft einundfünfzig schöne "
        "Katzen.",
    }
    generated = dict(corpus(2_000, 0))
    assert {english: generated[english] for english in written_by_hand} == written_by_hand


def test_adjectives_end_as_the_tables_of_a_grammar_book_say():
    book = {  # nominative, accusative and dative; m, f, n and plural
        "the": "e e e en, en e e en, en en en en",
        "my": "er e es en, en e es en, en en en en",
        "two": "- - - e, - - - e, - - - en",
    }
    for article, rows in book.items():
        for case, row in zip(("nominative", "accusative", "dative"), rows.split(", "), strict=True):
            for gender, expected in zip(("m", "f", "n", "plural"), row.split(), strict=True):
                assert expected in ("-", ending(gender, case, article)), (article, case, gender)


@pytest.mark.parametrize(
    ("number", "english", "german"),
    [(2, "two", "zwei"), (12, "twelve", "zwölf"), (40, "forty", "vierzig"), (71, "seventy-one", "einundsiebzig")],
)
def test_numbers_have_their_units_first_in_german(number, english, german):
    assert lexicon.numeral(number) == (english, german)


def test_an_english_sentence_has_one_translation():
    german = {}
    for seed in range(3):
        for english, translation in corpus(1_500, seed):
            assert german.setdefault(english, translation) == translation


def test_no_two_parts_share_a_sentence_and_the_held_out_ones_stay(composed):
    data = Data(composed(TASK, "data.train_size=1600"))
    assert data.parts == ("train", "val", "test")
    for side in (0, 1):
        train, val, test = (set(texts(data, split, side)) for split in data.parts)
        assert (len(train), len(val), len(test)) == (1_600, 1_500, 1_500)
        assert len(train | val | test) == 4_600
    assert references(data.dataset("val").gather(torch.arange(1_500))[2]) == texts(data, "val", 1)
    larger = Data(composed(TASK, "data.train_size=1700"))
    for split in ("val", "test"):
        assert texts(larger, split, 0) == texts(data, split, 0)


def test_the_content_is_the_same_on_every_machine_and_with_every_version(composed):
    assert Data(composed(TASK)).fingerprint() == "a7fe1bba39fdc308"


# The baselines


def test_translations_are_those_of_a_loop_over_ibm_model_1():
    pairs = [([1, 4, 5, 2], [1, 6, 7, 8, 2]), ([1, 5, 2], [1, 8, 2]), ([1, 4, 4, 2], [1, 6, 2])]
    table = {(source, target): 1 / 9 for source in range(9) for target in range(9)}
    for _ in range(ROUNDS):
        counts = dict.fromkeys(table, 0.0)
        for source, target in pairs:
            for word in target[1:]:
                whole = sum(table[other, word] for other in source)
                for other in source:
                    counts[other, word] += table[other, word] / whole
        sums = [sum(counts[source, target] for target in range(9)) for source in range(9)]
        table = {(one, two): counts[one, two] / sums[one] if sums[one] else 1 / 9 for one, two in table}
    found = translations([tuple(map(np.array, pair)) for pair in pairs], 9)
    np.testing.assert_allclose(found, [[table[source, target] for target in range(9)] for source in range(9)])
    assert found[4].argmax() == 6


def test_the_next_token_is_as_likely_as_counts_say():
    sentences = [np.array(sentence) for sentence in ([1, 4, 5, 2], [1, 4, 6, 2], [1, 3, 4, 5, 2])]
    likely = Trigrams(sentences, 7).after(np.array([1, 4, 6, 2]))
    first, second = np.zeros(7), np.zeros(7)
    single = np.array([0, 0, 3, 1, 3, 2, 1]) / 10
    first[4], first[3] = 2 / 3, 1 / 3
    second[5], second[6] = 2 / 3, 1 / 3
    np.testing.assert_allclose(likely[0], 0.9 * first + 0.1 * single)
    after_start_and_four = np.eye(7)[[5, 6]].mean(0)
    np.testing.assert_allclose(likely[1], 0.6 * after_start_and_four + 0.3 * second + 0.1 * single, rtol=1e-6)


# Batches


def test_a_batch_is_filled_up_and_runs_from_start_to_end(composed):
    data = Data(composed(TASK, "data.train_size=300", "data.val_size=40"))
    source, target, text = data.dataset("val").gather(torch.tensor([7, 3, 21]))
    for part in (source, target):
        assert part.dtype == torch.int64
        assert (part[:, 0] == BOS).all()
        assert ((part == EOS).sum(1) == 1).all()
        assert not ((part == PAD)[:, :-1] & (part != PAD)[:, 1:]).any(), "padding comes last"
    assert references(text) == [texts(data, "val", 1)[at] for at in (7, 3, 21)]


def test_an_epoch_has_every_pair_once_in_batches_within_the_budget(composed):
    data = Data(composed(TASK, "data.train_size=700", "data.batch_tokens=400"))
    dataset = data.dataset("train")
    batches = data.plan(dataset, np.random.default_rng(0))
    assert sorted(np.concatenate(batches)) == list(range(700))
    for batch in batches:
        for part in dataset.gather(torch.from_numpy(batch)):
            assert part.numel() <= 400
    filled = sum(part.numel() for batch in batches for part in dataset.gather(torch.from_numpy(batch)))
    assert sum(int(part.lengths.sum()) for part in dataset.parts) > 0.75 * filled


# WMT14


@pytest.mark.parametrize(("joined", "compressed"), [(False, False), (False, True), (True, False), (True, True)])
def test_wmt14_is_read_as_it_was_written(tmp_path, disk, joined, compressed):
    write_wmt14(tmp_path / "root", joined=joined, compressed=compressed)
    data = disk()
    for side in (0, 1):
        assert texts(data, "train", side) == [pair[side] for pair in EVERY_TRAINING_PAIR]
    assert references(data.dataset("val").gather(torch.arange(3))[2]) == [pair[1] for pair in HELD_OUT]
    assert data.facts["held_out"] == "newstest2014, 3 pairs"
    assert len(data.facts["target_entries"]) == 80
    assert data.facts["target_entries"][:4] == list(SPECIALS)


@pytest.mark.parametrize(("count", "said"), [(2_737, "the filtered 2,737 pairs"), (3_003, "all 3,003 pairs")])
def test_the_result_says_which_newstest2014_it_was(tmp_path, disk, count, said):
    root = write_wmt14(tmp_path / "root", joined=True)
    write_pair(root, "newstest2014.{}", [("A dog", "Ein Hund")] * count)
    assert disk().facts["held_out"] == f"newstest2014, {said}"


def test_training_pairs_with_an_empty_side_or_too_many_tokens_are_left_out(root, disk):
    long = "The dog " * 50
    write_pair(
        root, f"{CORPORA[0]}.{{}}", [("A dog", ""), (" ", "Ein Hund"), (long, "Der Hund"), ("A man", "Ein Mann")]
    )
    data = disk("data.longest=40")
    assert texts(data, "train", 0) == ["A man", *(pair[0] for name in CORPORA[1:] for pair in TRAINING[name])]


def test_what_was_prepared_is_kept_until_the_corpus_changes(root, disk, tmp_path, capsys):
    first = disk().fingerprint()
    assert capsys.readouterr().out.count("once") == 2
    assert disk().fingerprint() == first
    assert capsys.readouterr().out == ""
    write_pair(root, f"{CORPORA[0]}.{{}}", TRAINING[CORPORA[1]][:-1])
    assert disk().fingerprint() != first
    assert len(list((tmp_path / "cache").glob("text_to_text-*.npz"))) == 2


def test_a_smaller_part_may_be_asked_for_and_no_larger_one(root, disk):
    data = disk("data.train_size=20", "data.val_size=2")
    assert [len(data.dataset(split)) for split in ("train", "val")] == [20, 2]
    with pytest.raises(DataError, match=r"data\.train_size=90: there are 48 such pairs\. Lower it\."):
        disk("data.train_size=90")


# Faults


def test_a_folder_of_another_layout_is_refused_with_what_it_holds(composed, tmp_path):
    (tmp_path / "wmt14.zip").touch()
    said = (
        r"looked for training/europarl-v7\.de-en\.\{en,de\} and .*, or train\.\{en,de\} \(\.gz too\), found wmt14\.zip"
    )
    with pytest.raises(ConfigError, match=said):
        composed(*REFERENCE, f"data.root={tmp_path}")


def test_a_missing_test_set_is_refused_before_anything_is_read(root, composed):
    (root / "test/newstest2014-deen-ref.de.sgm").unlink()
    with pytest.raises(
        ConfigError, match=r"test/newstest2014-deen-\{src\.en,ref\.de\}\.sgm, or newstest2014\.\{en,de\}"
    ):
        composed(*REFERENCE, f"data.root={root}")


def test_unaligned_files_are_named(root, disk):
    (root / f"{CORPORA[1]}.de").write_text("Nur ein Satz.\n")
    with pytest.raises(DataError, match=r"commoncrawl\.de-en\.en: 16 lines, and 1 in .*commoncrawl\.de-en\.de"):
        disk()


def test_a_byte_that_is_no_utf_8_is_named_with_its_line(root, disk):
    path = root / f"{CORPORA[2]}.de"
    path.write_bytes(path.read_bytes().replace(b"sah", "s\xe4h".encode("latin-1"), 1))
    with pytest.raises(DataError, match=r"news-commentary-v9\.de-en\.de, line 1: byte 20 is 0xe4, no UTF-8"):
        disk()


def test_an_empty_held_out_line_is_named(tmp_path, disk):
    root = write_wmt14(tmp_path / "root", joined=True)
    write_pair(root, "newstest2014.{}", [("A dog", "Ein Hund"), ("A man", " ")])
    with pytest.raises(DataError, match=r"newstest2014\.de, line 2: empty, and every held-out sentence counts"):
        disk()


def test_segments_that_are_cut_or_missing_are_named(root, disk):
    path = root / "test/newstest2014-deen-ref.de.sgm"
    whole = path.read_text()
    path.write_text(whole.replace("Baum</seg>", "Baum"))
    with pytest.raises(DataError, match=r"ref\.de\.sgm, line 4: a segment without its end, </seg>"):
        disk()
    path.write_text("\n".join(line for line in whole.splitlines() if "Baum" not in line))
    with pytest.raises(DataError, match=r"src\.en\.sgm: 3 segments, and 2 in .*ref\.de\.sgm, which must be as many"):
        disk()


def test_a_compressed_corpus_that_is_cut_off_is_said_to_be(tmp_path, disk):
    root = write_wmt14(tmp_path / "root", joined=True, compressed=True)
    path = root / "train.de.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"train\.de\.gz: the compressed file is cut off or damaged"):
        disk()


def test_more_subwords_than_the_corpus_yields_are_refused_in_a_line(root, disk):
    with pytest.raises(
        DataError, match=r"data\.vocabulary=5000: the corpus does not yield so many subwords.*Lower it\."
    ) as e:
        disk("data.vocabulary=5000")
    assert "\n" not in str(e.value)


# Multi30k


@pytest.mark.parametrize("nested", [False, True])
def test_multi30k_has_frequent_words_in_small_letters(composed, tmp_path, nested):
    multi30k.write_multi30k(tmp_path, nested=nested)
    data = Data(composed(*MULTI30K, f"data.root={tmp_path}", f"data.cache={tmp_path / 'cache'}", "data.longest=4"))
    assert sorted(data.entries[0][4:]) == ["a", "blue", "in", "man", "shirt."]
    assert data.entries[0][4] == "a"  # the most frequent; "girl." occurs five times, one too few
    assert texts(data, "val", 0) == ["a man in a", "a <unk> in blue"]
    assert (data.dataset("val")[1][0] == UNK).sum() == 1
    assert references(data.dataset("val").gather(torch.arange(2))[2]) == [pair[1].lower() for pair in multi30k.HELD_OUT]
    assert data.facts["held_out"] == "2 pairs"


# Made-up sentences


@pytest.mark.parametrize("words", [(TASK, "scale=reference", "session=steps"), (*MULTI30K, "session=steps")])
def test_made_up_sentences_have_the_references_lengths(composed, words):
    data = Data(composed(*words, "data.source=synthetic", "data.batch_size=64", "data.train_size=400"))
    source, target = data.dataset("train").parts
    assert 22 < np.median(source.lengths) < 32
    assert max(source.lengths.max(), target.lengths.max()) <= 1.1 * data.config.data.longest + 2
    assert max(source.values.max(), target.values.max()) < len(data.entries[0])
    assert data.dataset("val").gather(torch.arange(3))[2].any()
