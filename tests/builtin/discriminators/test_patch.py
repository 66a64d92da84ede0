"""The discriminator of pix2pix and CycleGAN against a transcript, published keys and sizes."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ...helpers.networks import randomised
from .building import NORM_KEYS, apply_norm, build, patch_transcript, smallest


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_forward_equals_a_straight_line_transcript(norm, training):
    images = torch.rand(2, 3, 25, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1

    patch = randomised(build("patch", layers=2, base_channels=4, norm=norm).double()).train(training)
    state = {key: value.clone() for key, value in patch.state_dict().items()}
    with torch.no_grad():
        expected = patch_transcript(state, images, norm, training)
        torch.testing.assert_close(patch(images), expected, rtol=1e-9, atol=1e-9)

    pixel = randomised(build("pixel", base_channels=4, norm=norm).double()).train(training)
    state = {key: value.clone() for key, value in pixel.state_dict().items()}
    x = F.leaky_relu(F.conv2d(images, state["net.0.weight"], state["net.0.bias"]), 0.2)
    x = F.conv2d(x, state["net.2.weight"], state.get("net.2.bias"))
    x = F.leaky_relu(apply_norm(x, norm, state, "net.3", training), 0.2)
    expected = F.conv2d(x, state["net.5.weight"], state.get("net.5.bias"))
    with torch.no_grad():
        torch.testing.assert_close(pixel(images), expected, rtol=1e-9, atol=1e-9)


def antialiased_transcript(state, x, norm):
    """CUT's: convolutions of stride 1, and behind the activations a blur that halves the size."""

    def conv(x, index):
        return F.conv2d(x, state[f"model.{index}.weight"], state.get(f"model.{index}.bias"), padding=1)

    def blurred(x):
        row = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype)
        kernel = (row[:, None] * row[None, :]).expand(x.shape[1], 1, 3, 3)
        return F.conv2d(F.pad(x, [1] * 4, "reflect"), kernel, stride=2, groups=x.shape[1])

    x = blurred(F.leaky_relu(conv(x, 0), 0.2))
    x = blurred(F.leaky_relu(apply_norm(conv(x, 2), norm, state, "model.3", False), 0.2))
    x = F.leaky_relu(apply_norm(conv(x, 5), norm, state, "model.6", False), 0.2)
    return conv(x, 8)


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_with_antialiasing_it_is_that_of_cut_with_the_same_keys_and_logits(norm):
    images = torch.rand(2, 3, 25, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    plain = randomised(build("patch", layers=2, base_channels=4, norm=norm).double()).eval()
    patch = build("patch", layers=2, base_channels=4, norm=norm, antialias=True).double().eval()
    patch.load_state_dict(plain.state_dict())
    with torch.no_grad():
        logits = patch(images)
        assert logits.shape == plain(images).shape
        expected = antialiased_transcript(plain.state_dict(), images, norm)
        torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-9)
    several = build("multiscale", layers=1, scales=2, base_channels=4, antialias=True)
    assert [tuple(each.shape) for each in several(torch.zeros(1, 3, 11, 14))] == [(1, 1, 3, 5), (1, 1, 1, 1)]


@pytest.mark.parametrize("layers", range(1, 7))
def test_patch_keys(layers):
    convolutions = ["model.0", *(f"model.{2 + 3 * layer}" for layer in range(layers + 1))]
    norms = [f"model.{3 + 3 * layer}" for layer in range(layers)]
    for norm in ("instance", "none"):
        network = build("patch", layers=layers, base_channels=1, norm=norm)
        assert list(network.state_dict()) == [f"{key}.{part}" for key in convolutions for part in ("weight", "bias")]
    batch = build("patch", layers=layers, base_channels=1, norm="batch").state_dict()
    expected = {f"{key}.weight" for key in convolutions} | {f"{key}.{part}" for key in norms for part in NORM_KEYS}
    assert set(batch) == expected | {"model.0.bias", f"{convolutions[-1]}.bias"}


def test_patch70_keys_are_those_of_published_checkpoints():
    weights = [key for key in build("patch70", base_channels=1).state_dict() if key.endswith("weight")]
    assert weights == [f"model.{index}.weight" for index in (0, 2, 5, 8, 11)]
    norms = build("patch70", base_channels=1, norm="batch").state_dict()
    assert [key for key in norms if key.endswith("running_mean")] == [f"model.{i}.running_mean" for i in (3, 6, 9)]


def test_widths_stop_at_eight_times_the_first():
    network = build("patch", layers=5, base_channels=2)
    widths = [layer.out_channels for layer in network.model if isinstance(layer, nn.Conv2d)]
    assert widths == [2, 4, 8, 16, 16, 16, 1]


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize("layers", range(1, 7))
def test_the_smallest_patch_size_trains_and_one_pixel_less_is_refused(layers, norm):
    network = build("patch", layers=layers, base_channels=2, norm=norm)
    size = smallest("patch", layers=layers, norm=norm)
    logits = network(torch.rand(1, 3, size, size))
    assert logits.shape == (1, 1, 1, 1)
    logits.sum().backward()
    with pytest.raises(ValueError, match=f"at least {size}; got {size}x{size - 1}; use larger images"):
        network(torch.rand(1, 3, size, size - 1))
    with pytest.raises((RuntimeError, ValueError), match=r"Kernel size|more than (1|one)"):  # PyTorch, unguarded
        network.model(torch.rand(1, 3, size - 1, size - 1))
