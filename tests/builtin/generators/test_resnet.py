"""The ResNet generator against key lists, counts and a straight-line transcript written from the description alone."""

import pytest
import torch
import torch.nn.functional as F

from i2i.builtin.generators.resnet import PlainResidualBlock, ResnetGenerator

from ...helpers.networks import count, randomised


def norm_transcript(x, kind, state, key, training):
    if kind == "none":
        return x
    if kind == "batch" and not training:
        mean, variance = (state[f"{key}.running_{part}"].view(1, -1, 1, 1) for part in ("mean", "var"))
    else:
        dims = (0, 2, 3) if kind == "batch" else (2, 3)
        mean, variance = x.mean(dims, keepdim=True), x.var(dims, unbiased=False, keepdim=True)
    x = (x - mean) / torch.sqrt(variance + 1e-5)
    if f"{key}.weight" in state:
        x = x * state[f"{key}.weight"].view(1, -1, 1, 1) + state[f"{key}.bias"].view(1, -1, 1, 1)
    return x


def transcript(state, x, kind, training, resize):
    """The forward pass for two blocks, one line an operation."""

    def conv(x, key, **settings):
        return F.conv2d(x, state[f"{key}.weight"], state.get(f"{key}.bias"), **settings)

    def norm(x, key):
        return norm_transcript(x, kind, state, key, training)

    def up(x, key):
        if resize:
            return conv(x.repeat_interleave(2, 2).repeat_interleave(2, 3), key, padding=1)
        bias = state.get(f"{key}.bias")
        return F.conv_transpose2d(x, state[f"{key}.weight"], bias, stride=2, padding=1, output_padding=1)

    x = conv(F.pad(x, [3] * 4, "reflect"), "model.1")
    x = norm(x, "model.2").relu()
    x = norm(conv(x, "model.4", stride=2, padding=1), "model.5").relu()
    x = norm(conv(x, "model.7", stride=2, padding=1), "model.8").relu()
    for block in ("model.10.conv_block", "model.11.conv_block"):
        y = norm(conv(F.pad(x, [1] * 4, "reflect"), f"{block}.1"), f"{block}.2").relu()
        y = norm(conv(F.pad(y, [1] * 4, "reflect"), f"{block}.5"), f"{block}.6")
        x = x + y
    x = norm(up(x, "model.12"), "model.13").relu()
    x = norm(up(x, "model.15"), "model.16").relu()
    return torch.tanh(conv(F.pad(x, [3] * 4, "reflect"), "model.19"))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("upsample", ["deconv", "resize"])
@pytest.mark.parametrize(
    ("norm", "affine"), [("instance", False), ("instance", True), ("batch", False), ("none", False)]
)
def test_forward_equals_a_straight_line_transcript(norm, affine, upsample, training):
    network = randomised(
        ResnetGenerator(2, 3, blocks=2, base_channels=4, norm=norm, affine=affine, upsample=upsample).double()
    ).train(training)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    images = torch.rand(2, 2, 12, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    expected = transcript(state, images, norm, training, upsample == "resize")
    with torch.no_grad():
        torch.testing.assert_close(network(images), expected, rtol=1e-9, atol=1e-9)


def transcript_of_cut(state, x, kind):
    """CUT's ResNet: stride 1 and a blur behind each ReLU; zeros between pixels, a blur, a convolution on the way up."""

    def filtered(x, weights, **settings):
        row = torch.tensor(weights, dtype=x.dtype)
        kernel = (row[:, None] * row[None, :] / row.sum() ** 2).expand(x.shape[1], 1, -1, -1)
        return kernel, x, {"groups": x.shape[1], **settings}

    def conv(x, key, **settings):
        return F.conv2d(x, state[f"{key}.weight"], state.get(f"{key}.bias"), **settings)

    def down(x, key, norm):
        x = norm_transcript(conv(x, key, padding=1), kind, state, norm, training=False).relu()
        kernel, x, settings = filtered(F.pad(x, [1] * 4, "reflect"), [1.0, 2.0, 1.0], stride=2)
        return F.conv2d(x, kernel, **settings)

    def up(x, key, norm):
        kernel, x, settings = filtered(F.pad(x, [1] * 4, "replicate"), [1.0, 3.0, 3.0, 1.0], stride=2, padding=2)
        x = F.conv_transpose2d(x, 4 * kernel, **settings)[:, :, 1:-1, 1:-1]
        return norm_transcript(conv(x, key, padding=1), kind, state, norm, training=False).relu()

    x = norm_transcript(conv(F.pad(x, [3] * 4, "reflect"), "model.1"), kind, state, "model.2", training=False).relu()
    x = down(down(x, "model.4", "model.5"), "model.7", "model.8")
    block = "model.10.conv_block"
    y = conv(F.pad(x, [1] * 4, "reflect"), f"{block}.1")
    y = norm_transcript(y, kind, state, f"{block}.2", training=False).relu()
    y = norm_transcript(conv(F.pad(y, [1] * 4, "reflect"), f"{block}.5"), kind, state, f"{block}.6", training=False)
    x = up(up(x + y, "model.11", "model.12"), "model.14", "model.15")
    return torch.tanh(conv(F.pad(x, [3] * 4, "reflect"), "model.18"))


@pytest.mark.parametrize(("norm", "affine"), [("instance", True), ("batch", False), ("none", False)])
def test_with_antialiasing_it_is_the_resnet_of_cut_and_keeps_its_keys(norm, affine):
    settings = {"blocks": 1, "base_channels": 4, "norm": norm, "affine": affine}
    network = ResnetGenerator(2, 3, **settings, antialias=True, upsample="bilinear")
    network = randomised(network.double()).eval()
    assert network.state_dict().keys() == ResnetGenerator(2, 3, **settings).state_dict().keys()
    images = torch.rand(2, 2, 12, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        expected = transcript_of_cut(network.state_dict(), images, norm)
        torch.testing.assert_close(network(images), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"blocks": 9}, 11_378_179),
        ({"blocks": 9, "dropout": True}, 11_378_179),
        ({"blocks": 6}, 11_378_179 - 3 * 2 * (256 * 256 * 9 + 256)),
        ({"blocks": 9, "norm": "none"}, 11_378_179),
    ],
)
def test_parameter_counts(settings, expected):
    with torch.device("meta"):
        assert count(ResnetGenerator(3, 3, **settings)) == expected


CONVOLUTIONS_9 = [
    *(f"model.{index}" for index in (1, 4, 7)),
    *(f"model.{index}.conv_block.{place}" for index in range(10, 19) for place in (1, 5)),
    *(f"model.{index}" for index in (19, 22, 26)),
]
CONVOLUTIONS_6_DROPOUT = [
    *(f"model.{index}" for index in (1, 4, 7)),
    *(f"model.{index}.conv_block.{place}" for index in range(10, 16) for place in (1, 6)),
    *(f"model.{index}" for index in (16, 19, 23)),
]
NORMS_9 = [
    *(f"model.{index}" for index in (2, 5, 8)),
    *(f"model.{index}.conv_block.{place}" for index in range(10, 19) for place in (2, 6)),
    *(f"model.{index}" for index in (20, 23)),
]


@pytest.mark.parametrize("upsample", ["deconv", "resize"])
@pytest.mark.parametrize("norm", ["instance", "none"])
def test_keys_without_norm_parameters(norm, upsample):
    nine = ResnetGenerator(3, 3, blocks=9, base_channels=4, norm=norm, upsample=upsample)
    assert list(nine.state_dict()) == [f"{key}.{part}" for key in CONVOLUTIONS_9 for part in ("weight", "bias")]
    six = ResnetGenerator(3, 3, blocks=6, base_channels=4, norm=norm, upsample=upsample, dropout=True)
    assert list(six.state_dict()) == [f"{key}.{part}" for key in CONVOLUTIONS_6_DROPOUT for part in ("weight", "bias")]


def test_keys_with_batch_norm_and_with_affine_instance_norm():
    batch = ResnetGenerator(3, 3, blocks=9, base_channels=4, norm="batch").state_dict()
    statistics = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = {f"{key}.weight" for key in CONVOLUTIONS_9} | {"model.26.bias"}
    assert set(batch) == expected | {f"{key}.{part}" for key in NORMS_9 for part in statistics}

    affine = ResnetGenerator(3, 3, blocks=9, base_channels=4, affine=True).state_dict()
    assert set(affine) == {f"{key}.{part}" for key in CONVOLUTIONS_9 + NORMS_9 for part in ("weight", "bias")}


@pytest.mark.parametrize(("height", "width"), [(8, 8), (36, 52), (8, 100)])
@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize("upsample", ["deconv", "resize"])
def test_sizes_from_the_smallest_on(height, width, norm, upsample):
    network = ResnetGenerator(1, 4, blocks=1, base_channels=4, norm=norm, upsample=upsample, dropout=True)
    output = network(torch.rand(1, 1, height, width) * 2 - 1)
    assert output.shape == (1, 4, height, width)
    assert output.abs().max() <= 1


@pytest.mark.parametrize(
    ("height", "width", "message"),
    [
        (250, 250, "multiples of 4; got 250x250; resize, crop or pad them, for example to 248x248"),
        (8, 7, "multiples of 4; got 8x7"),
        (4, 64, "of at least 8; got 4x64"),
    ],
)
def test_other_sizes_are_refused(height, width, message):
    with pytest.raises(ValueError, match="images must have height and width") as caught:
        ResnetGenerator(3, 3, blocks=1, base_channels=4)(torch.zeros(1, 3, height, width))
    assert message in str(caught.value)


def test_dropout_sits_between_the_convolutions_of_each_block():
    block = PlainResidualBlock(4, norm="batch", dropout=True)
    assert [type(layer).__name__ for layer in block.conv_block] == [
        "ReflectionPad2d",
        "Conv2d",
        "BatchNorm2d",
        "ReLU",
        "Dropout",
        "ReflectionPad2d",
        "Conv2d",
        "BatchNorm2d",
    ]
    network = ResnetGenerator(3, 3, blocks=2, base_channels=4, dropout=True)
    assert [m.p for m in network.modules() if isinstance(m, torch.nn.Dropout)] == [0.5, 0.5]
    images = torch.rand(1, 3, 16, 16)
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))


def test_gradients_reach_the_input_and_every_weight():
    network = ResnetGenerator(3, 3, blocks=1, base_channels=4, norm="batch")
    images = torch.rand(2, 3, 16, 16, requires_grad=True)
    network(images).square().mean().backward()
    assert images.grad is not None
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_kernels_change_results_by_rounding_alone(affine, layout):
    """With or without the native library: at this size most of the network runs fused where there is one."""
    settings = {"blocks": 2, "base_channels": 8, "affine": affine}
    auto = ResnetGenerator(3, 3, **settings)
    for parameter in auto.parameters():
        if parameter.ndim > 1:  # as variants of the weights of a trained network: outputs of about the inputs' size
            torch.nn.init.kaiming_normal_(parameter)
    reference = ResnetGenerator(3, 3, kernels="reference", **settings)
    reference.load_state_dict(auto.state_dict())
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        output, expected = auto(images.contiguous(memory_format=layout)), reference(images)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-4)
    assert output.is_contiguous()
    for network in (auto, reference):
        network(images).square().sum().backward()
    for one, other in zip(auto.parameters(), reference.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        # Values at which the two round to different sides of a ReLU leave few gradients alike to the last digits.
        assert (one.grad - other.grad).norm() <= 1e-2 * other.grad.norm() + 1e-3


def test_reference_kernels_call_none_of_the_fused_operators():
    network = ResnetGenerator(3, 3, blocks=1, base_channels=16, dropout=True, kernels="reference")
    names: set[str] = set()

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            names.add(str(function))
            return function(*args, **(kwargs or {}))

    with Watch():
        network(torch.rand(1, 3, 64, 64)).sum().backward()
    assert names
    assert not [name for name in names if name.startswith("i2i.")]
