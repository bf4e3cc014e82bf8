"""The mathematics of summarisation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from rouge_score import rouge_scorer
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.flop_counter import FlopCounterMode

from aibench.tasks.text_summarization import pointer
from aibench.tasks.text_summarization.attention import DecoderAttention, SourceAttention
from aibench.tasks.text_summarization.model import Encoder, Summarizer, begin_small
from aibench.tasks.text_summarization.module import Module
from aibench.tasks.text_summarization.rouge import Rouge, subsequence_f1
from aibench.text.vocabulary import BOS, EOS, PAD, UNK

TASK = "task=text_summarization"
REFERENCE = (TASK, "scale=reference", "data.source=synthetic", "session=steps")
ALTERNATIVE = (*REFERENCE, "model=text_summarization/pointer_generator")
SMALL = ("model.embedding=6", "model.hidden=5", "model.dropout=0", "model.small_weights=false")
KNOWN = 12  # words of the small model; texts have some more
PARTS = pytest.mark.parametrize("words", [REFERENCE, ALTERNATIVE], ids=["reference", "pointer_generator"])


@pytest.fixture
def module(composed):
    """`module(...)` is a small one that knows 12 of 20 words."""

    def build(*words):
        torch.manual_seed(0)
        facts = {"words": [f"w{index}" for index in range(20)], "vocabulary": KNOWN}
        return Module(composed(*words, *SMALL), facts).eval()

    return build


def batch():
    """Texts and summaries with padding, unknown words in both, and one that the text does not have."""
    texts = torch.tensor([[4, 15, 6, 15, UNK, 7], [9, 17, 5, PAD, PAD, PAD]])
    return texts, torch.tensor([[15, 6, 4, EOS], [17, 19, EOS, PAD]])


# Sizes


def counted(words, composed):
    config = composed(*words)
    with torch.device("meta"):
        network = Summarizer(config.model, config.model.vocabulary)
        arguments = torch.ones(1, 55, dtype=torch.int64), torch.ones(1, 15, dtype=torch.int64)
    mkldnn = torch.backends.mkldnn.flags(enabled=False)  # whose LSTM the counter does not know
    with mkldnn, FlopCounterMode(display=False) as counter:
        network(*arguments)
    return sum(weight.numel() for weight in network.parameters()), counter.get_total_flops() / 2


def test_the_pointer_generator_has_the_counted_size(composed):
    parameters, multiply_adds = counted(ALTERNATIVE, composed)
    assert parameters == 48_234_833
    keys = 55 * 1024 * 1024  # of the source: here once, in the authors' code again for each of 15 words
    assert multiply_adds + 14 * keys == pytest.approx(1_490e6, rel=0.01)


def test_the_reference_is_the_same_without_pointer_and_the_two_attentions(composed):
    parameters, multiply_adds = counted(REFERENCE, composed)
    own_attention, gate, context = 2 * 512 * 512 + 2 * 512, 5 * 512 + 256 + 1, 512 * 512
    assert parameters == 48_234_833 - own_attention - gate - context
    assert multiply_adds == pytest.approx(673.5e6, rel=0.001)


# Encoder and attention


def test_the_encoder_equals_torchs_packed_bidirectional_lstm():
    torch.manual_seed(0)
    encoder, other = Encoder(3, 4), nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    for name, weight in other.named_parameters():
        ours = encoder.backwards if name.endswith("_reverse") else encoder.forwards
        weight.data = getattr(ours, name.removesuffix("_reverse")).data
    embedded, lengths = torch.randn(5, 7, 3), torch.tensor([7, 1, 4, 7, 2])
    packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
    outputs, (last, _) = other(packed)
    outputs, _ = pad_packed_sequence(outputs, batch_first=True)
    ours, hidden, cell = encoder(embedded, lengths)
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(ours[row, :length], outputs[row, :length])
    both = torch.cat([last[0], last[1]], dim=1)
    torch.testing.assert_close(hidden, torch.relu(encoder.reduce_hidden(both)))
    torch.testing.assert_close(cell, torch.relu(encoder.reduce_cell(both)))


@pytest.mark.parametrize("temporal", [False, True])
def test_attention_to_the_source_equals_its_definition_by_exponentials(temporal):
    torch.manual_seed(0)
    attention = SourceAttention(4, temporal=temporal).double()
    outputs, states = torch.randn(2, 5, 4).double(), torch.randn(3, 2, 4).double()
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    memory, total = None, None
    for state in states:
        context, logarithms, memory = attention(state, outputs, attention.keys(outputs), padding, memory)
        raw = attention.key(outputs) + attention.query(state)[:, None]
        weights = attention.energy(raw.tanh()).squeeze(2).exp()
        if temporal:
            now, total = weights, weights if total is None else total + weights
            weights = now if total is now else now / (total - now)
        weights = weights.masked_fill(padding, 0)
        weights = weights / weights.sum(1, keepdim=True)
        torch.testing.assert_close(logarithms.exp(), weights.float(), rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(context, (weights[:, :, None] * outputs).sum(1), rtol=1e-5, atol=1e-6)


def test_attention_stays_finite_where_exponentials_overflow():
    attention = SourceAttention(2, temporal=True)
    attention.energy.weight.data.fill_(1e4)
    outputs, padding, memory = torch.randn(1, 3, 2), torch.zeros(1, 3, dtype=torch.bool), None
    for _ in range(3):
        context, logarithms, memory = attention(torch.randn(1, 2), outputs, attention.keys(outputs), padding, memory)
        assert context.isfinite().all()
        assert float(logarithms.detach().exp().sum()) == pytest.approx(1)


def test_attention_to_the_decoders_own_states_sees_the_earlier_ones():
    torch.manual_seed(0)
    attention, states, earlier = DecoderAttention(3), torch.randn(4, 2, 3), None
    for step, state in enumerate(states):
        context, earlier = attention(state, earlier)
        if step == 0:
            assert not context.any()
            continue
        before = states[:step].transpose(0, 1)
        weights = attention.energy((attention.key(before) + attention.query(state)[:, None]).tanh()).softmax(1)
        torch.testing.assert_close(context, (weights * before).sum(1))


# Probabilities


def mixture(logits, attention, gate, text, vocabulary):
    """The distribution over words, known or not, by a loop; `gate` is the vocabulary's part."""
    words = {word: gate * p for word, p in enumerate(np.exp(logits) / np.exp(logits).sum())}
    for word, weight in zip(text, attention, strict=True):
        words[word] = words.get(word, 0) + (1 - gate) * weight
    return words


@pytest.fixture
def places():
    """Logits, attention and gate of the four places of `batch()`'s summaries."""
    generator = torch.Generator().manual_seed(1)
    texts, _ = batch()
    attention = torch.randn(2, 4, 6, generator=generator).masked_fill((texts == PAD)[:, None], -torch.inf)
    logits = torch.randn(2, 4, KNOWN, generator=generator)
    return logits, attention.log_softmax(2), torch.randn(2, 4, generator=generator)


def test_the_likelihood_of_a_word_is_what_vocabulary_and_source_give_it(places):
    logits, attention, gate = places
    texts, summaries = batch()
    ours = pointer.log_likelihood(logits, attention, gate, texts, summaries)
    for row in range(2):
        for place, word in enumerate(summaries[row].tolist()):
            if word == PAD:
                continue
            numbers = logits[row, place].numpy(), attention[row, place].exp().numpy()
            text = [UNK if word == PAD else word for word in texts[row].tolist()]
            words = mixture(*numbers, float(torch.sigmoid(gate[row, place])), text, KNOWN)
            expected = (
                words[word]
                if word in words
                else float(torch.sigmoid(gate[row, place])) * float(logits[row, place].softmax(0)[UNK])
            )
            assert float(ours[row, place]) == pytest.approx(math.log(expected), rel=1e-5)


def test_what_may_be_written_has_its_probability_and_nothing_else_has_any(places):
    logits, attention, gate = (part[:, 0] for part in places)
    texts, _ = batch()
    ours = pointer.log_probabilities(logits, attention, gate, texts)
    for row in range(2):
        text = [UNK if word == PAD else word for word in texts[row].tolist()]
        words = mixture(logits[row].numpy(), attention[row].exp().numpy(), float(torch.sigmoid(gate[row])), text, KNOWN)
        found = {}
        for index, value in enumerate(ours[row].exp().tolist()):
            word = index if index < KNOWN else texts[row, index - KNOWN].item()
            found[word] = found.get(word, 0) + value
        for word, probability in words.items():
            allowed = word not in (PAD, BOS, UNK)
            assert found[word] == pytest.approx(probability if allowed else 0, rel=1e-4, abs=1e-7)


def test_unknown_words_are_called_by_their_first_place_and_found_again():
    texts, summaries = batch()
    indices = pointer.extended(texts, summaries, KNOWN)
    assert indices.tolist() == [[KNOWN + 1, 6, 4, EOS], [KNOWN + 1, UNK, EOS, PAD]]
    assert pointer.words_at(texts, indices, KNOWN).tolist() == [[15, 6, 4, EOS], [17, UNK, EOS, PAD]]


def test_words_are_drawn_as_often_as_they_are_likely(places):
    torch.manual_seed(0)
    many = 40_000
    logits, attention, gate = (part[:1, 0].expand(many, *part.shape[2:]) for part in places)
    texts = batch()[0][:1].expand(many, 6)
    words = pointer.words_at(texts, pointer.drawn_words(logits, attention, gate, texts)[:, None], KNOWN)
    counts = np.bincount(words[:, 0].numpy(), minlength=20) / many
    expected = mixture(
        logits[0].numpy(), attention[0].exp().numpy(), float(torch.sigmoid(gate[0])), texts[0].tolist(), KNOWN
    )
    for word, probability in expected.items():
        assert counts[word] == pytest.approx(probability, abs=0.01)


# Training and writing


@PARTS
def test_gradients_are_finite_and_padding_changes_no_loss(module, words):
    model = module(*words, "optim.own_words=0")
    texts, summaries = batch()
    loss = model.training_step((texts, summaries), 0)
    loss.backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in model.parameters())
    wider = torch.nn.functional.pad(texts, (0, 3)), torch.nn.functional.pad(summaries, (0, 2))
    torch.testing.assert_close(model.training_step(wider, 0), loss)


def test_with_its_own_words_the_decoder_sees_what_it_drew(module, monkeypatch):
    model = module(*ALTERNATIVE)
    seen = []
    following = model.network.next
    monkeypatch.setattr(model.network, "next", lambda words, *rest: (seen.append(words), following(words, *rest))[1])
    torch.manual_seed(0)
    texts, _ = batch()
    previous = torch.full((2, 4), 5)
    model.eval()
    one_by_one = model.network(texts, previous, own_words=1e-12)
    assert torch.equal(torch.stack(seen, 1), previous)
    for together, single in zip(model.network(texts, previous), one_by_one, strict=True):
        torch.testing.assert_close(together, single)
    seen.clear()
    model.network(texts, previous, own_words=1.0)
    assert seen[0].tolist() == [5, 5]
    assert not torch.equal(torch.stack(seen[1:], 1), previous[:, 1:])


@PARTS
def test_the_written_summary_is_the_greedy_one_with_one_beam(module, words):
    model = module(*words, "model.beams=1", "data.summary_words=6")
    texts, _ = batch()
    expected = []
    for text in (texts[:1], texts[1:, :3]):
        written = []
        while len(written) < 6:
            previous = torch.tensor([[BOS, *written]])
            places = model.network(text, previous)
            last = [part if part is None else part[:, -1] for part in places]
            word = pointer.log_probabilities(*last, text).argmax(1)
            word = int(pointer.words_at(text, word[:, None], KNOWN))
            if word == EOS:
                break
            written.append(word)
        expected.append(written)
    assert model.summarized(texts) == expected
    assert model.infer(batch()) == [" ".join(f"w{word}" for word in words) for words in expected]


def test_small_first_weights_are_small_and_forget_gates_are_open():
    network = nn.ModuleList([nn.LSTM(3, 4), nn.Linear(5, 6), nn.LSTMCell(2, 4)])
    begin_small(network)
    assert float(network[1].weight.detach().abs().max()) < 1e-3
    assert 0.01 < float(network[0].weight_hh_l0.detach().abs().max()) <= 0.02
    assert network[2].bias_ih.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8


# ROUGE


def test_rouge_is_that_of_the_rouge_score_package():
    generator = np.random.default_rng(0)
    words = [f"{letter}{number}" for letter in "ab" for number in range(6)]
    draw = lambda: [str(word) for word in generator.choice(words, generator.integers(0, 12))]  # noqa: E731
    written, true = [draw() for _ in range(200)], [draw() for _ in range(200)]

    class Spaces:
        def tokenize(self, text):
            return text.split()

    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=Spaces())
    scores = [scorer.score(" ".join(right), " ".join(ours)) for ours, right in zip(written, true, strict=True)]
    metric = Rouge()
    for part in (slice(0, 3), slice(3, 200)):
        metric.update(written[part], true[part])
    found = metric.compute()
    for name, theirs in (("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")):
        assert float(found[name]) == pytest.approx(np.mean([score[theirs].fmeasure for score in scores]), abs=1e-6)


def test_the_scores_of_the_texts_give_the_mean_that_is_logged(module, monkeypatch):
    model, logged = module(TASK), {}
    monkeypatch.setattr(model, "log_dict", logged.update)
    for _ in range(2):  # the second evaluation starts from nothing
        model.validation_step(batch(), 0)
        model.validation_step(batch(), 1)
        model.on_validation_epoch_end()
    scores = model.sample_scores()
    assert len(scores) == 4
    assert scores.value(np.arange(4)) == pytest.approx(float(logged["val/rouge_l"]))
    written = model.summarized(batch()[0])
    true = [[15, 6, 4], [17, 19]]
    assert scores.numerators[:2].tolist() == [subsequence_f1(*pair) for pair in zip(written, true, strict=True)]


def test_rouge_of_an_empty_summary_is_0():
    metric = Rouge()
    metric.update([[], [4]], [[4], []])
    assert [float(value) for value in metric.compute().values()] == [0, 0, 0]
