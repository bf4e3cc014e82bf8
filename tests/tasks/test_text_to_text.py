"""The mathematics of the Transformer, of its loss and of its metrics."""

from __future__ import annotations

import math
import string

import numpy as np
import pytest
import torch
from sacrebleu import corpus_bleu
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import log_softmax
from torch.utils.flop_counter import FlopCounterMode
from torchmetrics.classification import MulticlassAccuracy

from aibench.config import ConfigError
from aibench.metrics.perplexity import CorpusPerplexity
from aibench.nn.schedules import inverse_root
from aibench.tasks.text_to_text.metric import CorpusBleu, TokenAccuracy
from aibench.tasks.text_to_text.model import Transformer, sinusoids
from aibench.tasks.text_to_text.module import Module, of_like_lengths
from aibench.text.vocabulary import BOS, EOS, PAD, SPECIALS

TASK = "task=text_to_text"
REFERENCE = (TASK, "scale=reference", "data.source=synthetic", "session=steps")
MULTI30K = (*REFERENCE, "model=text_to_text/multi30k", "data=text_to_text/multi30k", "data.source=synthetic")
ENTRIES = [*SPECIALS, *string.digits, *string.ascii_lowercase]
FACTS = {
    "source_entries": ENTRIES,
    "target_entries": ENTRIES,
    "lengths": [9, 7],
}
SIZE = len(ENTRIES)
LITTLE = ("model.dimensions=16", "model.feed_forward=24", "model.heads=2")
KINDS = pytest.mark.parametrize(
    "words",
    [
        (),
        ("model.norm_first=true",),
        ("model.scaled=logits", "model.shared_embeddings=false", "data.tokens=words", "data.vocabulary=null"),
    ],
)


@pytest.fixture
def module(composed):
    """`module("data.x=y", ...)` is a small one with random weights, in evaluation mode."""

    def build(*words):
        torch.manual_seed(0)
        built = Module(composed(TASK, *LITTLE, *words), FACTS).eval()
        for parameter in built.parameters():
            nn.init.normal_(parameter, std=0.3)
        return built

    return build


def tokens(*shape, seed=0):
    return torch.randint(len(SPECIALS), SIZE, shape, generator=torch.Generator().manual_seed(seed))


# The network


@KINDS
def test_a_later_target_token_never_changes_an_earlier_logit(module, words):
    network = module(*words).network
    source, target = tokens(3, 6), tokens(3, 8, seed=1)
    before = network(source, target)
    for place in range(8):
        changed = target.clone()
        changed[:, place:] = tokens(3, 8 - place, seed=2 + place)
        after = network(source, changed)
        torch.testing.assert_close(after[:, :place], before[:, :place])
        assert not torch.allclose(after[:, place], before[:, place]), "the token itself is seen"


@KINDS
def test_padding_and_the_rest_of_the_batch_change_no_logit(module, words):
    network = module(*words).network
    source, target = tokens(3, 6), tokens(3, 8, seed=1)
    alone = network(source[:1], target[:1])
    filled = torch.cat([source, torch.full((3, 4), PAD)], dim=1)
    longer = torch.cat([target, torch.full((3, 2), PAD)], dim=1)
    torch.testing.assert_close(network(filled, longer)[:1, :8], alone)


@pytest.mark.parametrize("norm_first", [False, True])
def test_logits_are_those_of_torch_s_transformer(module, norm_first):
    network = module(f"model.norm_first={norm_first}").network
    torchs = nn.Transformer(16, 2, 2, 2, 24, 0.0, batch_first=True, norm_first=norm_first).eval()
    if not norm_first:
        torchs.encoder.norm = torchs.decoder.norm = None
    else:
        torchs.encoder.norm, torchs.decoder.norm = network.norms
    for ours, theirs in zip(
        [*network.encoder, *network.decoder], [*torchs.encoder.layers, *torchs.decoder.layers], strict=True
    ):
        _copy(ours, theirs)
    source, target = tokens(3, 6), tokens(3, 8, seed=1)
    source[1, 4:] = PAD
    inputs = [network.target(part) * 4 + sinusoids(9, 16)[: part.shape[1]] for part in (source, target)]
    later = torch.triu(torch.ones(8, 8, dtype=torch.bool), 1)
    absent = source == PAD
    masks = {"tgt_mask": later, "src_key_padding_mask": absent, "memory_key_padding_mask": absent}
    expected = torchs(*inputs, **masks) @ network.target.weight.T
    torch.testing.assert_close(network(source, target), expected, rtol=1e-4, atol=1e-4)


def _copy(ours, theirs):
    """Give the weights of a layer to torch's."""
    attentions = [(ours.attention, theirs.self_attn)]
    norms = [ours.around_attention.norm]
    if hasattr(ours, "source_attention"):
        attentions.append((ours.source_attention, theirs.multihead_attn))
        norms.append(ours.around_source_attention.norm)
    for attention, other in attentions:
        projections = attention.queries, attention.keys_and_values
        other.in_proj_weight.data = torch.cat([each.weight.data for each in projections])
        other.in_proj_bias.data = torch.cat([each.bias.data for each in projections])
        other.out_proj = attention.output
    theirs.linear1, _, theirs.linear2 = ours.feed_forward
    theirs.norm1, theirs.norm2, *rest = [*norms, ours.around_feed_forward.norm]
    if rest:
        theirs.norm3 = rest[0]


def test_positions_are_the_papers():
    table = sinusoids(30, 8)
    for place, pair in [(0, 0), (7, 1), (29, 3)]:
        angle = place / 10_000 ** (2 * pair / 8)
        assert table[place, 2 * pair].item() == pytest.approx(math.sin(angle), abs=1e-6)
        assert table[place, 2 * pair + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_a_sentence_may_be_longer_than_the_table_of_positions(module):
    network = module().network
    before = network(tokens(1, 4), tokens(1, 3))
    assert network(tokens(1, 600), tokens(1, 3)).isfinite().all()
    assert torch.equal(network(tokens(1, 4), tokens(1, 3)), before)


@KINDS
def test_token_by_token_the_logits_are_those_of_the_whole(module, words):
    network = module(*words).network
    source, target = tokens(2, 6), tokens(2 * 3, 5, seed=1)  # three hypotheses for each of two sources
    source[1, 3:] = PAD
    whole = network(source.repeat_interleave(3, dim=0), target)
    decoding, past = network.decoding(source)
    past = [tuple(part.repeat_interleave(3, dim=0) for part in layer) for layer in past]
    for place in range(5):
        logits, past = decoding(target[:, place], past)
        torch.testing.assert_close(logits, whole[:, place], rtol=1e-4, atol=1e-5)


@KINDS
def test_greedy_translation_is_the_likeliest_token_again_and_again(module, words):
    module = module(*words, "model.beam.size=1", "model.beam.extra_length=3")
    source = tokens(4, 5)
    for row, answer in zip(source, module.infer((source,)), strict=True):
        target = [BOS]
        while len(target) <= 8 and target[-1] != EOS:
            logits = module.network(row[None], torch.tensor([target]))[0, -1]
            logits[[PAD, BOS]] = -math.inf
            target.append(int(logits.argmax()))
        ended = target[1:-1] if target[-1] == EOS else target[1:]
        assert answer.replace(" ", "") == "".join(ENTRIES[index] for index in ended)


@torch.no_grad()
def test_a_wider_search_finds_more_likely_translations(module):
    module = module("model.beam.length_penalty=0", "model.beam.extra_length=0")
    source = tokens(6, 5)
    scores = []
    for size in (1, 16):
        module.config.model.beam.size = size
        score = 0.0
        for row, answer in zip(source, module.infer((source,)), strict=True):
            found = [ENTRIES.index(letter) for letter in answer]
            logits = module(row[None], torch.tensor([[BOS, *found]]))[0]
            logits[:, [PAD, BOS]] = -math.inf
            score += float(log_softmax(logits, 1)[range(len(found) + 1), [*found, EOS]].sum())
        scores.append(score)
    assert scores[1] > scores[0]


# Sizes


def counted(dimensions, hidden, layers):
    """Parameters of the encoder's and the decoder's layers, summed by hand."""
    attention = 4 * (dimensions**2 + dimensions)
    network = 2 * dimensions * hidden + hidden + dimensions
    norm = 2 * dimensions
    return layers * (attention + network + 2 * norm) + layers * (2 * attention + network + 3 * norm)


def test_the_references_have_the_sizes_that_were_counted(composed):
    body = counted(512, 2048, 6)
    assert body == 44_138_496
    with torch.device("meta"):
        reference = Transformer(composed(*REFERENCE).model, 32_768, 32_768)
        multi30k = Transformer(composed(*MULTI30K).model, 2_909, 3_149)
    assert _parameters(reference) == body + 32_768 * 512 == 60_915_712
    assert _parameters(multi30k) == body + (2_909 + 3_149) * 512
    assert _parameters(multi30k) == pytest.approx(47.24e6, rel=0.001)


def _parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_a_pair_of_thirty_tokens_takes_the_multiply_adds_of_a_sum_over_the_layers(composed):
    """The decoder sees 29 of the target's: not the last one."""
    width, hidden, sources, targets, size = 512, 2048, 30, 29, 3_149
    encoder = 6 * (4 * width**2 * sources + 2 * sources**2 * width + 2 * width * hidden * sources)
    to_itself = 4 * width**2 * targets + 2 * targets**2 * width
    to_source = 2 * width**2 * (targets + sources) + 2 * targets * sources * width
    decoder = 6 * (to_itself + to_source + 2 * width * hidden * targets)
    expected = encoder + decoder + targets * width * size
    with torch.device("meta"), torch.no_grad():
        network = Transformer(composed(*MULTI30K).model, 2_909, size).eval()
        source, target = torch.full((1, sources), BOS), torch.full((1, targets), BOS)
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            network(source, target)
    assert counter.get_total_flops() == 2 * expected
    assert expected == pytest.approx(1_350e6, rel=0.01)


def test_the_logits_weights_are_the_embeddings(module):
    shared, apart = (module(f"model.shared_embeddings={flag}").network for flag in ("true", "false"))
    assert shared.source is shared.target
    assert apart.source is not apart.target
    assert _parameters(apart) - _parameters(shared) == SIZE * 16
    assert _parameters(shared) == SIZE * 16 + counted(16, 24, 2) + 2 * 2 * 16, "and the two last normalisations"


def test_shared_embeddings_of_words_are_refused(composed):
    with pytest.raises(ConfigError, match=r"model\.shared_embeddings=true: words have a vocabulary for each language"):
        composed(TASK, "data.tokens=words", "data.vocabulary=null")


def test_heads_that_do_not_divide_the_dimensions_are_refused(composed):
    with pytest.raises(ConfigError, match=r"model\.dimensions=100: must be a multiple of twice model\.heads=3\."):
        composed(TASK, "model.dimensions=100", "model.heads=3")


# Loss, learning rate and metrics


def test_the_loss_is_that_of_a_token_whatever_its_sentence_and_the_padding(module):
    module = module("optim.label_smoothing=0.1")
    source, target = tokens(3, 6), tokens(3, 8, seed=1)
    target[1, 5:], target[2, 3:] = PAD, PAD
    chances = log_softmax(module(source, target[:, :-1]), 2).detach()
    losses = []
    for row in range(3):
        for place, right in enumerate(target[row, 1:].tolist()):
            if right != PAD:
                losses.append(-0.9 * chances[row, place, right] - 0.1 * chances[row, place].mean())
    expected = sum(losses) / len(losses)
    assert len(losses) == 7 + 4 + 2
    torch.testing.assert_close(module.training_step((source, target), 0), expected)
    filled = torch.cat([target, torch.full((3, 4), PAD)], dim=1)
    torch.testing.assert_close(module.training_step((source, filled), 0), expected)


def test_the_learning_rate_is_the_papers(composed):
    optim = composed(*REFERENCE).optim
    for step in (1, 1_000, 4_000, 50_000):
        papers = 512**-0.5 * min(step**-0.5, step * 4_000**-1.5)
        assert optim.lr * inverse_root(step - 1, optim.warmup_steps) == pytest.approx(papers, rel=2e-3)


def test_token_accuracy_is_that_of_torchmetrics_and_of_a_loop():
    generator = torch.Generator().manual_seed(0)
    ours, theirs = TokenAccuracy(), MulticlassAccuracy(9, average="micro", ignore_index=PAD)
    right = every = 0
    for shape in ((4, 5), (2, 9)):
        logits = torch.randn(*shape, 9, generator=generator)
        targets = torch.randint(0, 4, shape, generator=generator)
        ours.update(logits, targets)
        theirs.update(logits.flatten(0, 1), targets.flatten())
        for row, target in zip(logits.flatten(0, 1).tolist(), targets.flatten().tolist(), strict=True):
            right += target != PAD and row.index(max(row)) == target
            every += target != PAD
    assert float(ours.compute()) == pytest.approx(right / every)
    assert float(ours.compute()) == pytest.approx(float(theirs.compute()))


@pytest.mark.parametrize(
    "translations",
    [
        ["Der alte Mann sieht einen Hund.", "Heute kauft sie ein Haus!", "Ja", "", "Die Katze schläft heute nicht."],
        ["x", "y z", "", "", "w"],
        [""] * 5,
    ],
)
def test_bleu_of_batches_is_sacrebleus_of_the_whole(translations):
    references = ["Der alte Mann sah einen Hund.", "Heute kauft sie das Haus!", "Nein", "Ja", "Die Katze schläft nie."]
    bleu = CorpusBleu()
    for start in range(0, 5, 2):
        bleu.update(translations[start : start + 2], references[start : start + 2])
    assert bleu.compute() == pytest.approx(corpus_bleu(translations, [references]).score, abs=1e-9)


def test_a_batch_in_parts_of_like_lengths_is_evaluated_as_the_whole(module, monkeypatch):
    module = module("data.translated=1")
    source, target = tokens(60, 9), tokens(60, 12, seed=1)
    for row in range(60):
        source[row, 1 + row % 9 :], target[row, 2 + row % 11 :] = PAD, PAD
    parts = list(of_like_lengths(source, target))
    assert len(parts) == 3
    assert sum(part[1].numel() for part in parts) < 0.8 * target.numel()
    whole, perplexity = TokenAccuracy(), CorpusPerplexity(ignore=PAD)
    for metric in (whole, perplexity):
        metric.update(module(source, target[:, :-1]), target[:, 1:])
    monkeypatch.setattr(module, "_translated", lambda source: [""] * len(source))
    module.validation_step((source, target, torch.full((60, 2), 65)), 0)
    assert float(module.accuracy.compute()) == float(whole.compute())
    assert float(module.perplexity.compute()) == pytest.approx(float(perplexity.compute()), rel=1e-6)
    scores = module.sample_scores()
    assert len(scores) == 60
    assert sorted(scores.denominators) == sorted((target[:, 1:] != PAD).sum(1).tolist())
    assert scores.value(np.arange(60)) == pytest.approx(float(whole.compute()))


def test_only_the_first_held_out_sentences_are_translated(module, monkeypatch):
    module = module("data.translated=5", "data.eval_batch_size=3")
    translated = []
    monkeypatch.setattr(module, "_translated", lambda source: translated.append(len(source)) or [""] * len(source))
    batch = tokens(3, 4), tokens(3, 5), torch.full((3, 2), 65)
    for index in range(3):
        module.validation_step(batch, index)
    assert translated == [3, 2]
