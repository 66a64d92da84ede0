"""The built-in discriminators against key lists, counts, measured footprints and straight-line transcripts."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from i2i.builtin.discriminators import SPECS
from i2i.builtin.discriminators.geometry import receptive_field
from i2i.builtin.discriminators.patch import PatchDiscriminator
from i2i.plugins.component_options import describe_options, parse_options

from ..helpers.examples import examples

SPEC = {spec.name: spec for spec in SPECS}
NORM_KEYS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def build(name, in_channels=3, **options):
    spec = SPEC[name]
    return spec.build(spec.options(**options), in_channels=in_channels)


def smallest(name, **options):
    return SPEC[name].smallest_size(SPEC[name].options(**options))


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def randomised(network):
    generator = torch.Generator().manual_seed(5)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2, generator=generator)
        elif tensor.is_floating_point():
            tensor.normal_(0, 0.3, generator=generator)
    return network


def apply_norm(x, kind, state, key, training):
    if kind == "none":
        return x
    if kind == "instance":
        return F.instance_norm(x)
    mean, variance, weight, bias = (
        state[f"{key}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return F.batch_norm(x, mean.clone(), variance.clone(), weight, bias, training)


def patch_transcript(state, x, kind, training, prefix="model"):
    """Two strided layers, one line an operation."""

    def conv(x, index, stride):
        key = f"{prefix}.{index}"
        return F.conv2d(x, state[f"{key}.weight"], state.get(f"{key}.bias"), stride=stride, padding=1)

    x = F.leaky_relu(conv(x, 0, 2), 0.2)
    x = F.leaky_relu(apply_norm(conv(x, 2, 2), kind, state, f"{prefix}.3", training), 0.2)
    x = F.leaky_relu(apply_norm(conv(x, 5, 1), kind, state, f"{prefix}.6", training), 0.2)
    return conv(x, 8, 1)


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


def test_published_parameter_counts():
    with torch.device("meta"):
        assert count(build("patch70")) == count(build("patch")) == 2_764_737
        assert count(build("patch70", in_channels=6, norm="batch")) == 2_768_705
        assert count(build("multiscale")) == 3 * 2_764_737
        first, middle = 3 * 64 + 64, 64 * 128
        assert count(build("pixel")) == first + (middle + 128) + (128 + 1)
        assert count(build("pixel", norm="batch")) == first + (middle + 2 * 128) + 128


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


def test_pixel_keys():
    assert list(build("pixel").state_dict()) == [f"net.{i}.{part}" for i in (0, 2, 5) for part in ("weight", "bias")]
    batch = set(build("pixel", norm="batch").state_dict())
    assert batch == {"net.0.weight", "net.0.bias", "net.2.weight", "net.5.weight"} | {f"net.3.{p}" for p in NORM_KEYS}


def test_widths_stop_at_eight_times_the_first():
    network = build("patch", layers=5, base_channels=2)
    widths = [layer.out_channels for layer in network.model if isinstance(layer, nn.Conv2d)]
    assert widths == [2, 4, 8, 16, 16, 16, 1]


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70), (4, 142), (5, 286), (6, 574)])
def test_receptive_field_is_what_the_gradient_of_one_logit_covers(layers, field):
    assert receptive_field(layers) == field
    network = PatchDiscriminator(1, layers=layers, base_channels=1, norm="none").double()
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.5)
    size = field + 2 ** (layers + 2)
    images = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    logits = network(images)
    middle = logits.shape[-1] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], images)
    rows = gradient[0, 0].abs().sum(1).nonzero().flatten()
    assert rows[0] > 0
    assert rows[-1] < size - 1
    assert len(rows) == rows[-1] - rows[0] + 1 == field


def test_a_256_pixel_image_gets_30_by_30_logits():
    assert build("patch70", base_channels=1)(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)


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


@pytest.mark.parametrize(("norm", "size"), [("instance", 2), ("batch", 2), ("none", 1)])
def test_the_smallest_pixel_size(norm, size):
    assert smallest("pixel", norm=norm) == size
    network = build("pixel", base_channels=4, norm=norm)
    assert network(torch.rand(1, 3, size, size)).shape == (1, 1, size, size)
    if norm != "none":
        with pytest.raises(ValueError, match="at least 2; got 1x5"):
            network(torch.rand(1, 3, 1, 5))


def test_a_pixel_is_judged_by_itself():
    network = build("pixel", base_channels=4, norm="none")
    images = torch.rand(1, 3, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(images)[0, 0, 1, 2], images)
    assert gradient[0].abs().sum(0).nonzero().tolist() == [[1, 2]]


@pytest.mark.parametrize("name", SPEC)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions(name, dtype):
    size = smallest(name)
    network = build(name, base_channels=2).to(dtype)
    logits = network(torch.zeros(1, 3, size, size, dtype=dtype))
    for logit in logits if isinstance(logits, list) else [logits]:
        assert logit.dtype == dtype
        assert logit.isfinite().all()


@settings(max_examples=examples(40), deadline=None)
@given(
    name=st.sampled_from(sorted(SPEC)),
    layers=st.integers(1, 3),
    scales=st.integers(1, 3),
    base_channels=st.integers(1, 4),
    norm=st.sampled_from(["instance", "batch", "none"]),
    spectral_norm=st.booleans(),
    init=st.sampled_from(["normal", "xavier", "kaiming", "orthogonal"]),
    in_channels=st.integers(1, 6),
    extra=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_any_options_give_a_network_that_survives_a_state_dict(
    name, layers, scales, base_channels, norm, spectral_norm, init, in_channels, extra
):
    options = {"base_channels": base_channels, "norm": norm, "spectral_norm": spectral_norm, "init": init}
    own = {"patch": {"layers": layers}, "multiscale": {"layers": layers, "scales": scales}}
    options |= own.get(name, {})
    size = smallest(name, **options)
    images = torch.rand(1, in_channels, size + extra[0], size + extra[1]) * 2 - 1
    network = build(name, in_channels, **options)
    network(images)  # in training mode: moves the buffers of batch norm and spectral norm
    copy = build(name, in_channels, **options)
    copy.load_state_dict(network.state_dict())
    with torch.no_grad():
        first, second = network.eval()(images), copy.eval()(images)
    first, second = (x if isinstance(x, list) else [x] for x in (first, second))
    for logits, copied in zip(first, second, strict=True):
        assert torch.equal(logits, copied)
        assert logits.shape[:2] == (1, 1)


@pytest.mark.parametrize("name", SPEC)
def test_spectral_norm_covers_every_convolution_and_starts_from_the_drawn_weights(name):
    torch.manual_seed(0)
    network = build(name, base_channels=32, spectral_norm=True)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert all("weight" in module.parametrizations for module in convolutions)
    drawn = convolutions[1].parametrizations.weight.original
    assert drawn.std().item() == pytest.approx(0.02, rel=0.1)
    size = smallest(name)
    for _ in range(3):
        network(torch.rand(1, 3, size, size))
    network.eval()
    for module in convolutions:
        assert torch.linalg.matrix_norm(module.weight.flatten(1), ord=2).item() == pytest.approx(1, rel=0.1)


def test_evaluation_leaves_the_spectral_estimate_alone():
    network = build("patch", layers=1, base_channels=2, spectral_norm=True).eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network(torch.rand(1, 3, 16, 16))
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("name", SPEC)
def test_options_are_described_and_bounded(name):
    fields = describe_options(SPEC[name].options)
    assert all(field.description for field in fields)
    assert all(field.bounds for field in fields if field.type in ("integer", "number"))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"layers": 7}, "discriminator.layers: got 7"),
        ({"layers": 0}, "discriminator.layers: got 0"),
        ({"scales": 0}, "discriminator.scales: got 0"),
        ({"norm": "layer"}, "discriminator.norm: got 'layer'"),
    ],
)
def test_wrong_options_are_explained(values, problem):
    options, problems = parse_options(SPEC["multiscale"].options, values, where="discriminator")
    assert options is None
    assert str(problems[0]).startswith(problem)


def test_wrong_channels_are_named():
    with pytest.raises(ValueError, match=r"images must have shape \[N, 6, H, W\]; got \[1, 3, 32, 32\]"):
        build("patch70", in_channels=6, base_channels=1)(torch.zeros(1, 3, 32, 32))
