import math

import pytest
import torch
from torch import nn

from i2i.builtin.layers import (
    Blur,
    InputSkip,
    ResizeConv2d,
    add_spectral_norm,
    initialise,
    make_norm,
    make_upsample,
    needs_bias,
    require_images,
)


def test_the_bias_goes_with_batch_norm_only():
    assert needs_bias("instance")
    assert needs_bias("none")
    assert not needs_bias("batch")


def test_affine_is_refused_without_instance_norm():
    with pytest.raises(ValueError, match="affine is for norm 'instance' only; got norm 'batch'"):
        make_norm("batch", 4, affine=True)


def test_instance_norm_does_the_same_in_training_and_evaluation():
    norm = make_norm("instance", 3)
    images = torch.randn(2, 3, 5, 7) * 4 + 1
    training = norm(images)
    assert torch.equal(training, norm.eval()(images))
    variance = images.var(dim=(2, 3), unbiased=False, keepdim=True)
    expected = (images - images.mean(dim=(2, 3), keepdim=True)) / (variance + 1e-5).sqrt()
    torch.testing.assert_close(training, expected)
    assert not norm.state_dict()


@pytest.mark.parametrize("kernel_size", [3, 4])
@pytest.mark.parametrize("upsample", ["deconv", "resize", "bilinear"])
@pytest.mark.parametrize("bias", [True, False])
def test_upsampling_doubles_any_size_and_keeps_the_names(upsample, kernel_size, bias):
    layer = make_upsample(upsample, 3, 5, kernel_size=kernel_size, bias=bias)
    assert layer(torch.zeros(2, 3, 1, 7)).shape == (2, 5, 2, 14)
    assert set(layer.state_dict()) == ({"weight", "bias"} if bias else {"weight"})


def test_resize_weighs_every_inner_pixel_equally_and_deconv_does_not():
    def spread(layer):
        nn.init.ones_(layer.weight)
        inner = layer(torch.ones(1, 1, 8, 8))[..., 2:-2, 2:-2]
        return (inner.max() - inner.min()).item()

    assert spread(ResizeConv2d(1, 1, bias=False)) == 0
    assert spread(make_upsample("deconv", 1, 1, kernel_size=3, bias=False)) > 0


def test_a_blur_takes_away_what_would_come_back_coarser_and_leaves_the_rest():
    stripes = (torch.arange(12.0) % 2).expand(1, 2, 9, 12)
    assert stripes[..., ::2].std() == 0
    assert stripes[..., ::2].mean() == 0, "every second column says that it is black"
    blurred = Blur(2, stride=2)(stripes)
    assert blurred.shape == (1, 2, 5, 6)
    assert torch.allclose(blurred, torch.full_like(blurred, 0.5))
    assert Blur(3)(torch.ones(2, 3, 2, 2)).equal(torch.ones(2, 3, 2, 2))
    assert not Blur(2).state_dict()


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(32, 64, 4), nn.BatchNorm2d(4096), nn.ConvTranspose2d(64, 32, 4), nn.InstanceNorm2d(8, affine=True)
    )


def test_normal_weights_have_the_reference_statistics(network):
    initialise(network)
    for convolution in (network[0], network[2]):
        assert convolution.weight.mean().item() == pytest.approx(0, abs=5e-4)
        assert convolution.weight.std().item() == pytest.approx(0.02, rel=0.02)
        assert not convolution.bias.any()
    assert network[1].weight.mean().item() == pytest.approx(1, abs=2e-3)
    assert network[1].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not network[1].bias.any()
    assert (network[3].weight == 1).all()


@pytest.mark.parametrize(
    ("init", "expected"),
    [
        ("xavier", 0.5 * math.sqrt(2 / (32 * 16 + 64 * 16))),
        ("kaiming", math.sqrt(2 / (32 * 16))),
        ("orthogonal", 0.5 / math.sqrt(32 * 16)),
    ],
)
def test_other_initialisations(network, init, expected):
    initialise(network, init, 0.5)
    assert network[0].weight.std().item() == pytest.approx(expected, rel=0.03)
    assert not network[0].bias.any()
    if init == "orthogonal":
        rows = network[0].weight.detach().flatten(1)
        torch.testing.assert_close(rows @ rows.T, 0.25 * torch.eye(64), atol=1e-5, rtol=0)


def test_the_same_seed_gives_the_same_weights(network):
    torch.manual_seed(3)
    initialise(network)
    first = network[0].weight.clone()
    torch.manual_seed(3)
    initialise(network)
    assert torch.equal(first, network[0].weight)


def test_spectral_norm_keeps_the_drawn_weights_and_bounds_the_singular_value(network):
    network = network[:1]
    initialise(network)
    drawn = network[0].weight.detach().clone()
    add_spectral_norm(network)
    assert torch.equal(network.state_dict()["0.parametrizations.weight.original"], drawn)
    for _ in range(20):
        network(torch.zeros(1, 32, 4, 4))
    network.eval()
    largest = torch.linalg.matrix_norm(network[0].weight.flatten(1), ord=2).item()
    assert largest == pytest.approx(1, rel=1e-2)


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 4, 8, 8), (1, 3, 8), (8, 8)])
def test_other_shapes_are_named(shape):
    with pytest.raises(ValueError, match=r"images must have shape \[N, 3, H, W\]; got \[") as caught:
        require_images(torch.zeros(shape), channels=3, smallest=1)
    assert str(list(shape)) in str(caught.value)


@pytest.mark.parametrize(
    ("height", "width", "message"),
    [
        (250, 250, "multiples of 256; got 250x250; resize, crop or pad them, for example to 256x256"),
        (512, 300, "multiples of 256; got 512x300; resize, crop or pad them, for example to 512x256"),
        (3, 256, "multiples of 256; got 3x256; resize, crop or pad them, for example to 256x256"),
        (0, 256, "of at least 256; got 0x256"),
    ],
)
def test_sizes_that_do_not_fit_get_one_that_does(height, width, message):
    with pytest.raises(ValueError, match="images must have height and width") as caught:
        require_images(torch.zeros(1, 3, height, width), channels=3, smallest=256, multiple=256)
    assert message in str(caught.value)


def test_white_and_black_can_change_and_have_gradients():
    images = torch.tensor([-1.0, -0.5, 0.0, 1.0]).view(1, 1, 2, 2)
    change = torch.zeros(1, 1, 2, 2, requires_grad=True)
    output = InputSkip()(images, change)
    output.sum().backward()
    assert torch.allclose(output, images.clamp(-0.98, 0.98), atol=1e-6)
    assert change.grad.min() > 0.03  # 1 - 0.98 ** 2
    assert InputSkip(gain=2.0)(images, torch.full_like(images, -5.0)).max() < -0.99
