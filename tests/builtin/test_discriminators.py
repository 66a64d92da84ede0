"""The built-in discriminators against key lists, counts, measured footprints and straight-line transcripts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from i2i.plugins.component_options import describe_options, parse_options
from i2i.plugins.features import name_taps, tapped, taps_of

from ..helpers.examples import examples
from ..helpers.networks import count
from .discriminators.building import SPEC, build, smallest


def test_published_parameter_counts():
    with torch.device("meta"):
        assert count(build("patch70")) == count(build("patch")) == 2_764_737
        assert count(build("patch70", in_channels=6, norm="batch")) == 2_768_705
        assert count(build("multiscale")) == 3 * 2_764_737
        first, middle = 3 * 64 + 64, 64 * 128
        assert count(build("pixel")) == first + (middle + 128) + (128 + 1)
        assert count(build("pixel", norm="batch")) == first + (middle + 2 * 128) + 128


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize(
    ("name", "options", "taps"),
    [
        ("patch", {"layers": 2}, {"layer1": 4, "layer2": 8, "layer3": 16}),
        ("pixel", {}, {"layer1": 4, "layer2": 8}),
        ("multiscale", {"layers": 1, "scales": 2}, {f"scale{s}.layer{n}": 4 * n for s in (1, 2) for n in (1, 2)}),
    ],
)
def test_taps_are_the_activations_behind_all_convolutions_but_the_last(name, options, taps, norm):
    network = build(name, base_channels=4, norm=norm, **options)
    name_taps(network, SPEC[name].taps(SPEC[name].options(**options)))
    _, activations = tapped(network, taps_of(network))(torch.rand(2, 3, 32, 32))
    assert {tap: activation.shape[1] for tap, activation in activations.items()} == taps
    assert all("LeakyRelu" in activation.grad_fn.name() for activation in activations.values())


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
