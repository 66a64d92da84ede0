"""L1, PSNR and SSIM one by one; against their formulas in tests/evaluation/test_pairs.py."""

import pytest
import torch

from i2i.builtin.metrics.against_truth import mean_absolute_difference, signal_to_noise_ratio, structural_similarity


@pytest.mark.parametrize("metric", [mean_absolute_difference, signal_to_noise_ratio, structural_similarity])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_each_image_has_a_value_of_its_own(metric, count, channels):
    random = torch.Generator().manual_seed(0)
    output, truth = (torch.rand(count, channels, 12, 17, generator=random) * 2 - 1 for _ in range(2))
    values = metric(output, truth)
    assert values.shape == (count,)
    assert values.tolist() == pytest.approx(
        [metric(o[None], t[None]).item() for o, t in zip(output, truth, strict=True)]
    )


def test_levels_that_a_person_cannot_tell_apart_are_equal():
    truth = torch.full((1, 3, 11, 11), 100 / 127.5 - 1)
    assert mean_absolute_difference(truth + 0.003, truth).item() == 0
