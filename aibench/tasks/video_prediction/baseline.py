"""Computes how far predictions that need no network are from the frames of the generated episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from aibench.contract import Baseline

COMPONENTS = 200  # of frames, in linear regression
Floats = NDArray[np.floating]
Episode = tuple[Floats, Floats, Floats]
Predict = Callable[[Episode], Floats]


def baselines(parts: Mapping[str, tuple[Tensor, ...]], context: int) -> Iterator[Baseline]:
    """Yield the predictions' squared errors, summed over a frame and averaged over the predicted frames.

    Args:
        parts: Frames, uint8 (episodes, frames, 3, height, width), actions and states, float (episodes, frames,
            numbers), of each part.
        context: Frames of an episode that are shown.
    """
    episodes = {part: _flat(*tensors) for part, tensors in parts.items()}
    held_out = {part: episode for part, episode in episodes.items() if part != "train"}
    train = episodes["train"]
    predictions: dict[str, Predict] = {
        "last frame": lambda episode: episode[0][:, [context - 1]],
        "constant velocity": lambda episode: constant_velocity(episode[0], context),
        "last frame and mean training difference": _mean_difference(train[0], context),
        "mean training frame": lambda episode: train[0].mean((0, 1), keepdims=True),
        "nearest training episode by frames shown and actions": _nearest(train, context),
        "linear regression on principal components and actions": _linear(train, context),
    }
    for name, predict in predictions.items():
        quality = {part: error(predict(episode), episode[0][:, context:]) for part, episode in held_out.items()}
        yield Baseline(name, quality)


def error(predicted: Floats, true: Floats) -> float:
    """Return the squared error summed over a frame, averaged over frames, both (episodes, frames, pixels)."""
    return float(np.square(predicted - true).sum(2).mean())


def constant_velocity(frames: Floats, context: int) -> Floats:
    """Return frames in which each pixel goes on to change as it did between the last two frames shown, within 0 to 1.

    Args:
        frames: (episodes, frames, pixels).
        context: How many are shown.
    """
    last, steps = frames[:, [context - 1]], np.arange(1, frames.shape[1] - context + 1, dtype=np.float32)
    moved: Floats = (last + (last - frames[:, [max(context - 2, 0)]]) * steps[:, None]).clip(0, 1)
    return moved


def _flat(video: Tensor, actions: Tensor, states: Tensor) -> Episode:
    """Return frames, float (episodes, frames, pixels) in 0 to 1, with actions and states."""
    return video.flatten(2).numpy() / np.float32(255), actions.numpy(), states.numpy()


def _mean_difference(frames: Floats, context: int) -> Predict:
    difference = (frames[:, context:] - frames[:, [context - 1]]).mean(0)
    return lambda episode: (episode[0][:, [context - 1]] + difference).clip(0, 1)


def _told(episode: Episode, context: int) -> Floats:
    """Return what the robot is told to do and where it began, float (episodes, numbers)."""
    _, actions, states = episode
    told: Floats = np.concatenate(
        [actions[:, :-1].reshape(len(actions), -1), states[:, :context].reshape(len(actions), -1)], 1
    )
    return told


def _nearest(train: Episode, context: int) -> Predict:
    def seen(episode: Episode) -> Floats:
        return np.concatenate([episode[0][:, :context].reshape(len(episode[0]), -1), _told(episode, context)], 1)

    search = NearestNeighbors(n_neighbors=1).fit(seen(train))
    return lambda episode: train[0][search.kneighbors(seen(episode), return_distance=False)[:, 0], context:]


def _linear(train: Episode, context: int) -> Predict:
    """Return ridge regression from the last two frames shown, actions and states to what changes later."""
    frames = train[0].reshape(-1, train[0].shape[2])[:: train[0].shape[1] // 2]
    components = PCA(min(COMPONENTS, *frames.shape), svd_solver="randomized", random_state=0).fit(frames)

    def seen(episode: Episode) -> Floats:
        last = [components.transform(episode[0][:, place]) for place in (max(context - 2, 0), context - 1)]
        return np.concatenate([*last, _told(episode, context)], 1)

    changes = train[0][:, context:] - train[0][:, [context - 1]]
    model = Ridge(alpha=10).fit(seen(train), changes.reshape(len(changes), -1))

    def predict(episode: Episode) -> Floats:
        change = model.predict(seen(episode)).reshape(len(episode[0]), *changes.shape[1:])
        moved: Floats = (episode[0][:, [context - 1]] + change).clip(0, 1)
        return moved

    return predict
