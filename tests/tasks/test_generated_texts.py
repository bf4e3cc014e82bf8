"""What holds of every task that answers with a text; a new one is found by what its `infer` says that it returns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aibench.composition import registry
from aibench.contract import batch_of

HELD_OUT = 12
SMALL = ("data.train_size=64", f"data.val_size={HELD_OUT}", "data.batch_size=16", "hardware=cpu")


def answers_with_texts(task):
    return registry.module_class(task).infer.__annotations__["return"] == "list[str]"


@pytest.mark.parametrize("task", registry.task_names())
def test_a_text_does_not_depend_on_what_else_is_in_the_batch(task, composed):
    if not answers_with_texts(task):
        pytest.skip("answers with no text")
    config = composed(f"task={task}", *SMALL)
    data = registry.data_class(task)(config)
    torch.manual_seed(1)
    module = registry.module_class(task)(config, data.facts).eval()  # untrained, its texts run into their limits
    held_out = data.dataset("val")
    texts = {}
    for size in (1, 7, HELD_OUT):
        parts = np.split(np.arange(HELD_OUT), range(size, HELD_OUT, size))
        texts[size] = [text for part in parts for text in module.infer(batch_of(data, held_out, part))]
    assert len(texts[1]) == HELD_OUT
    assert texts[1] == texts[7] == texts[HELD_OUT]


def test_some_tasks_answer_with_texts():
    assert {task for task in registry.task_names() if answers_with_texts(task)} >= {"text_to_text", "image_to_text"}
