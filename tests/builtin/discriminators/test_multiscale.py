"""A discriminator that judges an image at several scales."""

import pytest
import torch
import torch.nn.functional as F

from ...helpers.networks import randomised
from .building import build, patch_transcript, smallest


def test_multiscale_judges_average_pooled_images_from_fine_to_coarse():
    network = randomised(build("multiscale", scales=2, layers=2, base_channels=4).double())
    state = network.state_dict()
    images = torch.rand(1, 3, 25, 31, dtype=torch.float64)
    summed = F.conv2d(F.pad(images, [1] * 4), torch.ones(3, 1, 3, 3, dtype=torch.float64), stride=2, groups=3)
    counted = F.conv2d(F.pad(torch.ones_like(images), [1] * 4), torch.ones(3, 1, 3, 3).double(), stride=2, groups=3)
    with torch.no_grad():
        fine, coarse = network(images)
    torch.testing.assert_close(fine, patch_transcript(state, images, "instance", True, "scales.0.model"))
    torch.testing.assert_close(coarse, patch_transcript(state, summed / counted, "instance", True, "scales.1.model"))


@pytest.mark.parametrize("scales", range(1, 5))
@pytest.mark.parametrize("layers", range(1, 5))
def test_the_smallest_multiscale_size_trains_and_one_pixel_less_is_refused(layers, scales):
    network = build("multiscale", layers=layers, scales=scales, base_channels=1)
    size = smallest("multiscale", layers=layers, scales=scales)
    logits = network(torch.rand(1, 3, size, size))
    assert len(logits) == scales
    assert logits[-1].shape == (1, 1, 1, 1)
    sum(logit.sum() for logit in logits).backward()
    with pytest.raises(ValueError, match=f"at least {size}; got {size - 1}x{size}"):
        network(torch.rand(1, 3, size - 1, size))
    network.smallest_size = 1  # past its own check, the coarsest scale says the same
    with pytest.raises(ValueError, match=f"at least {smallest('patch', layers=layers)}; got"):
        network(torch.rand(1, 3, size - 1, size))
