"""Folding mapped dimensions into the batch and calling an operator for each sample, against torch.vmap's own result."""

import pytest
import torch

from i2i.ops.batching import fold, in_turn, unfold


@pytest.mark.parametrize("mapped", [0, 1, 2, 3])
@pytest.mark.parametrize("at", [0, 1])
def test_what_is_folded_unfolds_with_the_mapped_dimension_in_front_of_the_batch(mapped, at):
    tensor = torch.arange(5 * 2 * 3 * 4).reshape(2, 3, 4, 5)  # any of these is mapped
    folded = fold(tensor, mapped, tensor.shape[mapped], at)
    assert folded.ndim == 3
    assert torch.equal(unfold(folded, tensor.shape[mapped], at), tensor.movedim(mapped, at))


def test_what_is_not_mapped_is_repeated_for_every_sample():
    tensor = torch.arange(6).reshape(2, 3)
    assert torch.equal(unfold(fold(tensor, None, 4), 4), tensor.expand(4, 2, 3))


@pytest.mark.parametrize("outputs", [1, 2])
def test_in_turn_gives_what_vmap_gives(outputs):
    def operator(x, scale, power):
        result = (x * scale) ** power
        return result if outputs == 1 else (result, result.sum())

    x, scale = torch.rand(3, 4, 2), torch.rand(4)
    got, dims = in_turn(operator, 4, (1, 0, None), (x, scale, 2))
    expected = torch.vmap(operator, in_dims=(1, 0, None))(x, scale, 2)
    torch.testing.assert_close(got, expected)
    assert dims == (0 if outputs == 1 else (0, 0))


def test_no_samples_are_refused_in_words():
    for call in (lambda: fold(torch.zeros(0, 2), 0, 0), lambda: in_turn(torch.neg, 0, (0,), (torch.zeros(0, 2),))):
        with pytest.raises(ValueError, match="must map at least one sample over a fused operator; got 0"):
            call()
