"""Speech recognition: spectrograms, generated voices, LibriSpeech's files, batches."""

from __future__ import annotations

import jiwer
import numpy as np
import pytest
import scipy.signal
import soundfile
import torch
from fixtures.librispeech import RATE, SETS, tone, write_librispeech

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.tasks.speech_recognition import voices
from aibench.tasks.speech_recognition.alphabet import decode
from aibench.tasks.speech_recognition.baseline import constant, warped, word_error_rate
from aibench.tasks.speech_recognition.data import Data
from aibench.tasks.speech_recognition.features import Spectrogram, mel_bank
from aibench.training.loader import EvalBatches, TrainBatches

TASK = "task=speech_recognition"
SMALL = (TASK, "data.train_size=64", "data.val_size=32", "data.batch_size=16", "data.eval_batch_size=24")
REFERENCE = (TASK, "scale=reference", "data.batch_size=2", "data.eval_batch_size=2", "data.workers=0")


@pytest.fixture
def root(tmp_path):
    """A folder with a tiny LibriSpeech."""
    return write_librispeech(tmp_path / "data")


@pytest.fixture
def libri(root, composed, tmp_path):
    """`libri("data.val_size=2", ...)` is the reference's data."""
    return lambda *words: Data(composed(*REFERENCE, f"data.root={root}", f"data.cache={tmp_path / 'cache'}", *words))


# Spectrograms


def test_a_spectrogram_is_that_of_scipy(composed):
    config = composed(TASK, "scale=reference", "data.source=synthetic", "session=steps").data
    samples = np.random.default_rng(0).normal(size=16_123)
    found = Spectrogram(config)(torch.from_numpy(samples).float())
    window = scipy.signal.get_window("hamming", 320, fftbins=False)
    transform = scipy.signal.ShortTimeFFT(window, hop=160, fs=1)
    mirrored = np.pad(samples, 160, mode="reflect")
    expected = np.log1p(np.abs(transform.stft(mirrored, p0=1, p1=1 + 16_123 // 160 + 1))).T
    expected = (expected - expected.mean()) / expected.std(ddof=1)
    assert found.shape == (16_123 // 160 + 1, 161)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_silence_has_a_spectrogram(composed):
    found = Spectrogram(composed(*SMALL).data)(torch.zeros(5_000))
    assert not found.any()


def test_mel_bands_overlap_so_that_their_weights_sum_up_to_one():
    bank = mel_bank(20, 1024, 22_050)
    frequencies = np.fft.rfftfreq(1024, 1 / 22_050)
    middles = (bank * frequencies[:, None]).sum(0) / bank.sum(0)
    first, last = np.searchsorted(frequencies, [middles[0] + 30, middles[-1] - 300])
    np.testing.assert_allclose(bank[first:last].sum(1), 1)
    assert (np.diff(middles) > 0).all()
    assert (np.diff(np.diff(middles))[3:] > 0).all()  # wider at higher frequencies


# Generated voices


def test_no_two_parts_share_a_speaker_or_a_sentence_but_every_word():
    for seed in range(3):
        for share in (voices.sentences, voices.speakers):
            parts = [set(share(split, seed)) for split in voices.PARTS]
            assert len(set.union(*parts)) == sum(map(len, parts))
        words = [{*" ".join(voices.sentences(split, seed)).split()} for split in voices.PARTS]
        assert len(words[0]) == 32
        assert words[1] | words[2] <= words[0]
    assert {name for split in voices.PARTS for name in voices.speakers(split, 0)} == {*voices.SPEAKERS}
    assert [len(voices.speakers(split, 0)) for split in voices.PARTS] == [38, 8, 8]
    assert [len(voices.sentences(split, 0)) for split in voices.PARTS] == [400, 100, 100]
    assert len({*voices.SPEAKERS}) == 54


def test_held_out_utterances_come_from_short_to_long_with_their_own_labels(composed, tmp_path):
    words = (*SMALL, "data.val_size=12", f"data.cache={tmp_path}")
    data = Data(composed(*words))
    for split in ("val", "test"):
        dataset = data.dataset(split)
        lengths = [len(dataset[at][0]) for at in range(12)]
        assert lengths == sorted(lengths) == dataset.lengths.tolist()
        said = sorted(decode(dataset[at][1].tolist()).lower() for at in range(12))
        assert said == sorted(line[0] for line in voices._lines(split, data.config.data, _same(split)))


def _same(split):
    return np.random.default_rng((0, voices.PARTS.index(split)))


def test_the_content_is_the_same_on_every_machine_and_with_every_version(composed):
    """What eSpeak NG says, to the bit: another version, or another build of it, makes other samples."""
    assert Data(composed(TASK)).fingerprint() == "37ec7b266294f3b9"


def test_the_fingerprint_tells_what_was_spoken(composed, tmp_path, monkeypatch):
    words = (*SMALL, "data.train_size=16", "data.val_size=8")
    usual = Data(composed(*words, f"data.cache={tmp_path / 'one'}")).fingerprint()
    speech = voices._speech
    monkeypatch.setattr(voices, "_speech", lambda lines: (samples + 1 for samples in speech(lines)))
    assert Data(composed(*words, f"data.cache={tmp_path / 'two'}")).fingerprint() != usual


# The baselines


def test_warping_finds_the_way_that_a_recursion_finds():
    apart = np.random.default_rng(0).random((5, 4, 3))

    def least(row, column, which):
        if row < 0 or column < 0:
            return np.inf
        before = [least(row - 1, column, which), least(row, column - 1, which), least(row - 1, column - 1, which)]
        return apart[row, column, which] + (0 if row == column == 0 else min(before))

    np.testing.assert_allclose(warped(apart), [least(4, 3, which) for which in range(3)])


def test_the_constant_is_the_transcript_with_the_fewest_errors():
    said = ["ONE TWO", "ONE THREE", "ONE TWO", "FOUR"]
    assert constant(said) == "ONE TWO"
    assert word_error_rate(["ONE TWO"] * 4, said) == pytest.approx(jiwer.wer(said, ["ONE TWO"] * 4)) == 3 / 7


def test_a_second_process_says_the_same(composed, tmp_path):
    prints = []
    for cache in ("one", "two"):
        data = Data(composed(*SMALL, "data.train_size=16", "data.val_size=8", f"data.cache={tmp_path / cache}"))
        prints.append(data.fingerprint())
    assert prints[0] == prints[1]


def test_preparation_says_what_it_does_and_happens_once(composed, tmp_path, capsys):
    words = (*SMALL, "data.train_size=16", "data.val_size=8", f"data.cache={tmp_path}")
    Data(composed(*words))
    first = capsys.readouterr().out
    assert "speech_recognition: eSpeak NG speaks 16 sentences (once; kept in " in first
    Data(composed(*words))
    assert capsys.readouterr().out == ""


def test_an_unknown_voice_is_an_error_and_not_the_last_voice(monkeypatch, composed, tmp_path):
    monkeypatch.setattr(voices, "ACCENTS", ("en-gb",))
    with pytest.raises(DataError, match=r"eSpeak NG: .*espeak_SetVoiceByName.*en-gb.* returned \d+\. Install"):
        Data(composed(*SMALL, f"data.cache={tmp_path}"))


def test_every_utterance_has_a_step_for_each_of_its_letters(composed):
    data = Data(composed(*SMALL))
    for split in ("train", "val"):
        dataset = data.dataset(split)
        for spectrum, labels, _ in (dataset[index] for index in range(len(dataset))):
            repeated = int((labels[1:] == labels[:-1]).sum())
            assert (len(spectrum) - 1) // 2 + 1 >= len(labels) + repeated


# Batches


def test_a_batch_is_the_same_gathered_and_collated(composed):
    data = Data(composed(*SMALL))
    dataset, indices = data.dataset("train"), torch.tensor([5, 0, 63, 17])
    gathered, collated = dataset.gather(indices), data.collate([dataset[index] for index in indices.tolist()])
    for one, other in zip(gathered, collated, strict=True):
        assert torch.equal(one, other)
    spectra, lengths, _, _ = gathered
    assert spectra.shape[1] == lengths.max()
    assert all(not row[length:].any() for row, length in zip(spectra, lengths, strict=True))


def test_the_first_epoch_goes_from_short_to_long_and_the_others_do_not(composed):
    data = Data(composed(*SMALL))
    dataset = data.dataset("train")
    batches = TrainBatches(data, dataset, seed=1)
    first, second = ([lengths.max().item() for _, lengths, _, _ in batches] for _ in range(2))
    assert first == sorted(first)
    assert sorted(second) != second
    shuffled = Data(composed(*SMALL, "data.sorted_first_epoch=false"))
    assert [part.tolist() for part in shuffled.first_plan(dataset, np.random.default_rng(1))] == [
        part.tolist() for part in data.plan(dataset, np.random.default_rng(1))
    ]


def test_made_up_samples_take_turns_and_belong_to_all_sets(composed):
    data = Data(composed(TASK, "scale=reference", "data.source=synthetic", "session=steps"))
    train, val = data.dataset("train"), data.dataset("val")
    assert (len(train), len(val)) == (281_241, 2_620)
    assert torch.equal(train[3][0], train[3 + 64][0])
    assert val.gather(torch.arange(4))[3].tolist() == [0, 1, 2, 0]
    assert 8 < train.lengths.mean() / 100 < 12.5


# LibriSpeech


def test_recordings_and_transcripts_are_read_as_they_were_written(libri):
    data = libri()
    train, val = data.dataset("train"), data.dataset("val")
    said = sorted(decode(train[index][1].tolist()) for index in range(len(train)))
    expected = sorted(text for name in SETS if name.startswith("train") for seconds, text in SETS[name].values())
    expected.remove("IT'S")  # 0.75 s, too short to train on
    assert said == expected
    assert data.facts == {"left_out": 1}
    samples = torch.from_numpy(tone("61-70968-0001", 1.75)).float() / 32768
    spectrum, labels, place = val[0]
    torch.testing.assert_close(spectrum, val.spectrogram(samples))
    assert (decode(labels.tolist()), place) == ("GIVE NOT SO EARNEST A MIND", 0)


def test_held_out_utterances_come_from_long_to_short_and_name_their_set(libri):
    data = libri()
    batches = list(EvalBatches(data, data.dataset("val")))
    lengths = torch.cat([lengths for _, lengths, _, _ in batches])
    assert lengths.tolist() == [round(seconds * RATE) // 160 + 1 for seconds in (1.75, 1.0, 0.75, 0.5)]
    assert torch.cat([sets for *_, sets in batches]).tolist() == [0, 1, 2, 0]


def test_a_duration_beyond_the_limits_is_left_out(libri):
    data = libri("data.longest=2.5", "data.shortest=0.5")
    assert data.facts == {"left_out": 1}
    assert len(data.dataset("train")) == 6


def test_sizes_take_evenly_spaced_utterances(libri):
    data = libri("data.train_size=3", "data.val_size=2")
    names = [path.stem for path, _, _ in data.dataset("train").utterances]
    assert names == ["103-1240-0000", "32-21625-0000", "14-208-0001"]
    with pytest.raises(DataError, match=r"6 utterances, fewer than data\.train_size=7\. Lower it"):
        libri("data.train_size=7")


def test_the_fingerprint_names_the_transcripts(libri, root):
    before = libri().fingerprint()
    assert before == libri().fingerprint()
    file = root / "LibriSpeech/test-clean/61/70968/61-70968.trans.txt"
    file.write_text(file.read_text().replace("BEGAN", "BEGUN"))
    assert before != libri().fingerprint()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("61-70968-0000 HE BEGAN\n61-70968-0001\n", r"trans\.txt, line 2: no transcript after '61-70968-0001'"),
        ("61-70968-0000 HE began\n", r"trans\.txt, line 1: the character 'b', which is none of A to Z"),
        ("61-70968-0000 A\n61-70968-0002 B\n", r"trans\.txt, line 2: no recording 61-70968-0002\.flac beside it"),
        ("61-70968-0000 A\n61-70968-0000 B\n", r"trans\.txt, line 2: no recording 61-70968-0000\.flac beside it"),
        ("61-70968-0000 A\n", r"trans\.txt: no line for 61-70968-0001\.flac"),
        (b"61-70968-0000 A\n61-70968-0001 \xc4\n", r"trans\.txt, line 2: byte 15 is 0xc4, no UTF-8"),
    ],
)
def test_a_fault_in_a_transcript_is_named(content, said, root, libri):
    file = root / "LibriSpeech/test-clean/61/70968/61-70968.trans.txt"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=said):
        libri()


def test_a_damaged_recording_is_named(root, libri):
    path = root / "LibriSpeech/test-clean/61/70968/61-70968-0001.flac"
    whole = path.read_bytes()
    data = libri()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"61-70968-0001\.flac: .*Restore this file\."):
        data.verify()
    path.write_bytes(b"not a recording")
    with pytest.raises(DataError, match=r"61-70968-0001\.flac: .*Restore this file\."):
        data.verify()


def test_a_recording_at_another_rate_is_named(root, libri):
    path = root / "LibriSpeech/dev-clean/84/121123/84-121123-0000.flac"
    soundfile.write(path, tone("x", 1.0), 8_000)
    with pytest.raises(DataError, match=r"84-121123-0000\.flac: 8000 Hz and 1 channels, not data\.sample_rate=16000"):
        libri()


def test_a_missing_set_is_refused_before_anything_is_read(root, composed):
    with pytest.raises(
        ConfigError, match=r"looked for the folder test-other \(also in LibriSpeech\), found dev-clean, "
    ):
        composed(*REFERENCE, f"data.root={root}", "data.held_out_sets=[test-clean,test-other]")
    (root / "LibriSpeech/empty").mkdir()
    with pytest.raises(ConfigError, match=r"looked for empty/SPEAKER/CHAPTER/\*\.trans\.txt, found nothing in empty"):
        composed(*REFERENCE, f"data.root={root}", "data.held_out_sets=[test-clean,empty]")
    composed(*REFERENCE, f"data.root={root / 'LibriSpeech'}")
