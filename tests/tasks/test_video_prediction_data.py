"""Video prediction: its generated, read and made-up samples."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
from fixtures.robot_pushing import (
    bair_sequence,
    example,
    google_sequence,
    pixels,
    record,
    vector,
    write_bair,
    write_google,
)
from rich.console import Console

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.results.result import Status
from aibench.tasks.video_prediction.data import Data
from aibench.tasks.video_prediction.pushing import pushing
from aibench.training.run import train

TASK = "task=video_prediction"
REFERENCE = (TASK, "scale=reference", "data.files=4", "data.held_out_part=0.25", "data.batch_size=2")
BAIR = (TASK, "scale=reference", "data=video_prediction/bair", "data.batch_size=2")


@pytest.fixture
def google(tmp_path):
    return write_google(tmp_path / "google")


@pytest.fixture
def bair(tmp_path):
    return write_bair(tmp_path / "bair")


# The generated samples


def test_actions_lead_from_state_to_state():
    _, actions, states = pushing(50, 6, "train", 0)
    torch.testing.assert_close(states[:, 1:], states[:, :-1] + 2 * 0.09 * actions[:, :-1])
    assert actions.abs().max() <= 1
    assert states.abs().max() <= 0.9 + 1e-6


def test_the_gripper_is_where_the_state_says():
    video, _, states = pushing(50, 6, "val", 0)
    grey = video.float().mean(2)
    for image, place in zip(grey.flatten(0, 1), states.flatten(0, 1), strict=True):
        column, row = ((place + 1) * 16).long().clamp(0, 31).tolist()
        assert image[row, column] < 40, "the gripper is dark"


def test_things_move_where_they_are_pushed_alone():
    """Pixels far from gripper, arm and things are the table's in every frame of an episode."""
    video, _, _ = pushing(200, 6, "train", 0)
    still = (video[:, :1] == video).all(2).flatten(2).all(1).float().mean(1)
    moving = (video[:, 1:] != video[:, :-1]).any(2).flatten(2).any(2)
    assert moving.all(), "the gripper moves in each step"
    assert still.mean() > 0.5


def test_the_parts_share_no_frame_and_depend_on_the_seed_of_the_data_alone():
    torch.manual_seed(1)
    np.random.seed(1)
    train, again, val, test, other = (
        pushing(30, 6, split, seed)
        for split, seed in (("train", 3), ("train", 3), ("val", 3), ("test", 3), ("train", 4))
    )
    for one, same in zip(train, again, strict=True):
        assert torch.equal(one, same)
    assert train[0].dtype == torch.uint8
    frames = [{frame.numpy().tobytes() for frame in sample[0].flatten(0, 1)} for sample in (train, val, test, other)]
    assert [len(some) for some in frames] == [180] * 4
    assert len(set.union(*frames)) == 720


# The records of real robots


def test_google_s_records_are_read_as_they_were_written(composed, google):
    data = Data(composed(*REFERENCE, f"data.root={google}"))
    assert data.facts == {"left_out": {"train": 3, "val": 1}}  # of each file's three sequences one is too short
    for split, numbers in (("train", (0, 1, 3, 4, 6, 7)), ("val", (9, 10))):
        dataset = data.dataset(split)
        assert len(dataset) == len(numbers)
        for index, number in enumerate(numbers):
            video, actions, states = dataset[index]
            assert actions.tolist() == [vector(number, frame, 5, 200) for frame in range(10)]
            assert states.tolist() == [vector(number, frame, 5, 100) for frame in range(10)]
            assert (video.shape, video.dtype) == ((10, 3, 64, 64), torch.uint8)
            assert (actions.dtype, states.dtype) == (torch.float32, torch.float32)
            for frame in (0, 9):
                inner = (
                    video[frame, :, 40:60, 5:60].float().mean((1, 2)),
                    video[frame, :, 5:28, 5:28].float().mean((1, 2)),
                )
                expected = [[255 - 5 * frame, 0, 0], [0, 255 - 5 * number, 0]]
                np.testing.assert_allclose(torch.stack(inner), expected, atol=2)
                assert video[frame, 2, :, 2:-2].max() < 60, "what lies beside the middle square is cut off"
    assert data.verify() == ["train: 6 samples, all readable", "val: 2 samples, all readable"]


@pytest.mark.parametrize("folder", [".", "push_train", "push/push_train"])
def test_google_s_files_are_found_in_the_usual_folders(composed, tmp_path, folder):
    data = Data(composed(*REFERENCE, f"data.root={write_google(tmp_path, folder=folder)}"))
    names = {split: [path.name for path in data.dataset(split).files] for split in ("train", "val")}
    assert names["train"] == [f"push_train.tfrecord-0000{place}-of-00004" for place in range(3)]
    assert names["val"] == ["push_train.tfrecord-00003-of-00004"]


@pytest.mark.parametrize("folder", [".", "softmotion30_44k"])
def test_bair_s_records_are_read_as_they_were_written(composed, tmp_path, folder):
    data = Data(composed(*BAIR, f"data.root={write_bair(tmp_path, folder)}"))
    for split, numbers in (("train", (0, 1)), ("val", (10,))):
        for index, number in enumerate(numbers):
            video, actions, states = data.dataset(split)[index]
            expected = np.stack([pixels(number, frame) for frame in range(10)]).transpose(0, 3, 1, 2)
            np.testing.assert_array_equal(video.numpy(), expected)
            assert actions.tolist() == [vector(number, frame, 4, 200) for frame in range(10)]
            assert states.tolist() == [vector(number, frame, 3, 100) for frame in range(10)]


def test_a_smaller_set_has_sequences_of_all_files(composed, google):
    words = (*REFERENCE, f"data.root={google}")
    dataset = Data(composed(*words, "data.train_size=3")).dataset("train")
    assert [dataset[index][1][0, 0].item() for index in range(3)] == [200, 203, 206]
    with pytest.raises(DataError, match=r"push_train: 2 sequences of 10 frames, fewer than data.val_size=3\. Lower"):
        Data(composed(*words, "data.val_size=3"))
    with pytest.raises(DataError, match=r"push_train: none of 9 sequences has data.frames=13 frames\."):
        Data(composed(*words, "data.frames=13"))


def test_processes_that_read_samples_can_be_handed_the_reader(composed, google):
    dataset = Data(composed(*REFERENCE, f"data.root={google}")).dataset("val")
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[0][0], dataset[0][0])


def test_the_fingerprint_changes_with_a_file(composed, google):
    def fingerprint():
        return Data(composed(*REFERENCE, f"data.root={google}")).fingerprint()

    before = fingerprint()
    assert fingerprint() == before
    path = google / "push_train" / "push_train.tfrecord-00001-of-00004"
    path.write_bytes(path.read_bytes() + record(example(google_sequence(50, 12))))
    assert fingerprint() != before


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda whole: whole[:-5], "record 2: cut off, 5 bytes short."),
        (lambda whole: whole + b"1234567", "record 3: cut off within its header."),
        (lambda whole: b"\x01" + whole[1:], "record 0: wrong checksum of the length."),
        (lambda whole: whole[:3000] + bytes([whole[3000] ^ 1]) + whole[3001:], "record 0: wrong checksum of the data."),
        (lambda whole: record(b"<html>"), "record 0: a field"),
        (lambda whole: b"", "an empty file."),
    ],
)
def test_a_damaged_file_is_named(composed, google, spoil, said):
    path = google / "push_train" / "push_train.tfrecord-00001-of-00004"
    path.write_bytes(spoil(path.read_bytes()))
    _complains(composed, google, path, said)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("move/2/image/encoded", b"<html>", "record 0: cannot identify image file"),
        ("move/2/image/encoded", [1.0], "record 0: 0 byte strings where one belongs."),
        (
            "move/4/commanded_pose/vec_pitch_yaw",
            [1.0] * 4,
            "record 0: move/4/commanded_pose/vec_pitch_yaw has 4 numbers",
        ),
        (
            "move/4/endeffector/vec_pitch_yaw",
            b"1234",
            "record 0: move/4/endeffector/vec_pitch_yaw has 0 numbers, not 5.",
        ),
    ],
)
def test_a_wrong_feature_is_named(composed, google, name, value, said):
    path = google / "push_train" / "push_train.tfrecord-00001-of-00004"
    path.write_bytes(record(example({**google_sequence(0, 12), name: value})))
    _complains(composed, google, path, said)


def test_a_frame_of_bair_s_with_too_few_pixels_is_named(composed, bair):
    path = bair / "softmotion30_44k" / "test" / "traj_0_to_255.tfrecords"
    path.write_bytes(record(example({**bair_sequence(0), "3/image_main/encoded": bytes(100)})))
    _complains(composed, bair, path, "record 0: a frame of 100 bytes, not of 64x64x3.", BAIR)


def _complains(composed, root, path, said, words=REFERENCE):
    with pytest.raises(DataError) as caught:
        Data(composed(*words, f"data.root={root}")).verify()
    message = str(caught.value)
    assert message.startswith((f"{path}, {said}", f"{path}: {said}"))
    assert "\n" not in message


def test_a_sequence_ends_where_a_frame_lacks_something(composed, google):
    path = google / "push_train" / "push_train.tfrecord-00001-of-00004"
    sequence = google_sequence(0, 12)
    del sequence["move/9/endeffector/vec_pitch_yaw"]
    path.write_bytes(record(example(sequence)))
    assert Data(composed(*REFERENCE, f"data.root={google}")).facts["left_out"]["train"] == 3


def test_a_wrong_layout_is_refused(composed, google, bair):
    with pytest.raises(ConfigError) as caught:
        composed(*REFERENCE, f"data.root={bair}")
    assert str(caught.value).startswith(
        f"data.root={bair}: looked for 2 or more files push_train.tfrecord-*-of-* (also in push_train, "
        "push/push_train), found softmotion30_44k. Set data.root"
    )
    with pytest.raises(ConfigError) as caught:
        composed(*BAIR, f"data.root={google}")
    assert str(caught.value).startswith(
        f"data.root={google}: looked for train/*.tfrecords and test/*.tfrecords (also in softmotion30_44k), "
        "found push_train. Set data.root"
    )
    (google / "push_train" / "push_train.tfrecord-00001-of-00004").unlink()
    with pytest.raises(ConfigError) as caught:
        composed(*REFERENCE, f"data.root={google}")
    assert str(caught.value) == (
        f"data.root={google}: 3 record files, and data.files=4. Complete the data set, or set data.files=3."
    )


def test_bair_s_frames_have_their_own_size(composed, bair):
    with pytest.raises(ConfigError) as caught:
        composed(*BAIR, f"data.root={bair}", "data.size=32")
    assert str(caught.value) == "data.size=32: data.collection=bair has 64. Set data.size=64."


@pytest.mark.slow
def test_the_reference_trains_on_records(composed, google, tmp_path):
    small = ("model.stem=4", "model.encoder=[[4],[4]]", "model.bottleneck=4", "model.decoder=[4,4]")
    words = ("session=epochs", "epochs=1", "data.workers=1", "data.eval_batch_size=2", "hardware=cpu")
    config = composed(*REFERENCE, f"data.root={google}", *small, *words, "hardware.threads=1")
    result = train(config, tmp_path, None, Console(quiet=True))
    assert result.status is Status.completed, result.message
    assert math.isfinite(result.history[-1].metrics["val/mse"])


# Made-up samples


def test_made_up_samples_share_few_sequences_and_come_alike_one_by_one_and_in_batches(composed):
    data = Data(composed(TASK, "scale=reference", "data.source=synthetic", "session=steps"))
    train = data.dataset("train")
    assert (len(train), len(data.dataset("val"))) == (56_050, 2_950)
    indices = torch.tensor([5, 50_000])
    batch = train.gather(indices)
    assert [tensor.shape for tensor in batch] == [(2, 10, 3, 64, 64), (2, 10, 5), (2, 10, 5)]
    for place, index in enumerate(indices.tolist()):
        for one, many in zip(train[index], batch, strict=True):
            assert torch.equal(one, many[place])
