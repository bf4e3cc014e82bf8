"""Words and their indices."""

from __future__ import annotations

from aibench.text.vocabulary import BOS, EOS, PAD, SPECIALS, UNK, Vocabulary

SENTENCES = [["b", "a", "c"], ["c", "b"], ["c", "d"]]


def test_frequent_words_come_first_and_equally_frequent_ones_by_the_alphabet():
    assert Vocabulary.counted(SENTENCES).words == (*SPECIALS, "c", "b", "a", "d")


def test_rare_words_are_left_out_and_the_length_counts_the_specials():
    assert Vocabulary.counted(SENTENCES, least=2).words == (*SPECIALS, "c", "b")
    assert len(Vocabulary.counted(SENTENCES, most=5)) == 5


def test_what_is_encoded_is_decoded_and_unknown_words_are_unknown():
    vocabulary = Vocabulary.counted(SENTENCES)
    assert vocabulary.encode(["a", "x", "c"]) == [6, UNK, 4]
    assert vocabulary.decode([BOS, 6, UNK, PAD, 4, EOS, 5]) == ["a", "<unk>", "c"]


def test_a_text_that_spells_a_special_has_an_unknown_word_there():
    vocabulary = Vocabulary.counted([["</s>", "a", "<unk>", "<pad>"]])
    assert vocabulary.words == (*SPECIALS, "a")
    assert vocabulary.encode(["</s>", "a", "<unk>", "<pad>"]) == [UNK, 4, UNK, UNK]
