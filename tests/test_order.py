"""A test's result does not depend on which tests its process ran before."""

import numpy
import pytest
import torch


@pytest.mark.parametrize("turn", ["first", "again"])
def test_each_test_draws_the_same_numbers(turn):
    assert torch.rand(()).item() == pytest.approx(torch.rand((), generator=torch.Generator().manual_seed(0)).item())
    assert numpy.random.rand() == pytest.approx(numpy.random.RandomState(0).rand())
