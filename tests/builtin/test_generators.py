"""Every built-in generator, as a person gets it: through its spec and its options."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from i2i.builtin.generators import SPECS
from i2i.errors import ConfigError
from i2i.plugins.component_options import describe_options, parse_options
from i2i.plugins.features import name_taps, tapped, taps_of

from ..helpers.examples import examples
from ..helpers.networks import count, randomised

SPEC = {spec.name: spec for spec in SPECS}
MULTIPLE = {
    "resnet6": 4,
    "resnet9": 4,
    "resnet": 4,
    "unet128": 128,
    "unet256": 256,
    "unet": 256,
    "encoder-decoder": 256,
}


def build(name, in_channels=3, out_channels=3, **options):
    spec = SPEC[name]
    return spec.build(spec.options(**options), in_channels=in_channels, out_channels=out_channels)


def test_names_and_multiples():
    assert {name: spec.size_multiple(spec.options()) for name, spec in SPEC.items()} == MULTIPLE
    assert SPEC["unet"].size_multiple(SPEC["unet"].options(downs=5)) == 32


def test_published_parameter_counts():
    with torch.device("meta"):
        assert count(build("resnet9")) == count(build("resnet")) == 11_378_179
        assert count(build("unet256", norm="batch", dropout=True)) == 54_413_955
        assert count(build("resnet6")) == count(build("resnet", blocks=6)) < 11_378_179
        assert list(build("unet128").state_dict()) == list(build("unet", downs=7).state_dict())


def test_the_taps_of_a_resnet_are_the_places_of_cut():
    """Layers 0, 4, 7, 10 and 14 of a ResNet without anti-aliasing: padded pixels, two convolutions, blocks 1 and 5."""
    taps = SPEC["resnet9"].taps(SPEC["resnet9"].options())
    places = {name: taps[name] for name in ("pixels", "down1", "down2", "block1", "block5")}
    assert list(places.values()) == [f"model.{number}" for number in (0, 4, 7, 10, 14)]
    assert list(taps)[3:] == [f"block{number}" for number in range(1, 10)]
    resnet = SPEC["resnet"]
    assert list(resnet.taps(resnet.options(blocks=2))) == ["pixels", "down1", "down2", "block1", "block2"]


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize(
    ("name", "options", "sides"),
    [
        ("resnet", {"blocks": 2}, [38, 16, 8, 8, 8]),
        ("unet", {"downs": 4}, [16, 8, 4]),
        ("unet", {"downs": 2}, [16]),
        ("encoder-decoder", {"downs": 4}, [16, 8, 4]),
    ],
)
def test_taps_are_what_their_layers_compute(name, options, sides, norm):
    network = build(name, base_channels=4, norm=norm, **options)
    name_taps(network, SPEC[name].taps(SPEC[name].options(**options)))
    _, activations = tapped(network, taps_of(network))(torch.rand(2, 3, 32, 32))
    assert [activation.shape[-1] for activation in activations.values()] == sides


@pytest.mark.parametrize("name", SPEC)
def test_output_has_the_size_channels_and_range_asked_for(name):
    spec = SPEC[name]
    size = max(8, spec.size_multiple(spec.options()))
    network = build(name, in_channels=1, out_channels=2, base_channels=4)
    with torch.no_grad():
        output = network(torch.rand(2, 1, size, 2 * size) * 2 - 1)
    assert output.shape == (2, 2, size, 2 * size)
    assert output.min() >= -1
    assert output.max() <= 1


@pytest.mark.parametrize("name", SPEC)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions(name, dtype):
    small = {"downs": 3} if "downs" in SPEC[name].options.model_fields else {}
    size = max(8, SPEC[name].size_multiple(SPEC[name].options(**small)))
    network = build(name, base_channels=4, **small).to(dtype)
    with torch.no_grad():
        output = network(torch.zeros(1, 3, size, size, dtype=dtype))
    assert output.dtype == dtype
    assert output.isfinite().all()


@settings(max_examples=examples(40), deadline=None)
@given(
    name=st.sampled_from(["resnet", "unet", "encoder-decoder"]),
    depth=st.integers(2, 4),
    base_channels=st.integers(1, 6),
    norm_affine=st.sampled_from([("instance", False), ("instance", True), ("batch", False), ("none", False)]),
    dropout=st.booleans(),
    upsample=st.sampled_from(["deconv", "resize", "bilinear"]),
    antialias=st.booleans(),
    init=st.sampled_from(["normal", "xavier", "kaiming", "orthogonal"]),
    rows=st.integers(2, 4),
    columns=st.integers(2, 4),
    channels=st.tuples(st.integers(1, 5), st.integers(1, 5)),
)
def test_any_options_give_a_network_that_survives_a_state_dict(
    name, depth, base_channels, norm_affine, dropout, upsample, antialias, init, rows, columns, channels
):
    norm, affine = norm_affine
    options = {
        "blocks" if name == "resnet" else "downs": depth,
        "base_channels": base_channels,
        "norm": norm,
        "affine": affine,
        "dropout": dropout,
        "upsample": upsample,
        "antialias": antialias,
        "init": init,
    }
    spec = SPEC[name]
    multiple = spec.size_multiple(spec.options(**options))
    images = torch.rand(1, channels[0], rows * multiple, columns * multiple) * 2 - 1
    network = build(name, *channels, **options)
    copy = build(name, *channels, **options)
    copy.load_state_dict(network.state_dict())
    with torch.no_grad():
        output = network.eval()(images)
        assert torch.equal(output, copy.eval()(images))
    assert output.shape == (1, channels[1], *images.shape[2:])
    assert output.abs().max() <= 1


def small(name, **options):
    """Few channels, and few halvings where those may be chosen."""
    return {"base_channels": 4, **({"downs": 3} if "downs" in SPEC[name].options.model_fields else {}), **options}


@pytest.mark.parametrize("name", SPEC)
def test_with_an_input_skip_a_network_starts_as_the_identity(name):
    options = small(name, input_skip=True)
    network, size = build(name, **options), max(8, SPEC[name].size_multiple(SPEC[name].options(**options)))
    images = torch.rand(1, 3, size, size) * 2 - 1
    assert torch.allclose(network(images), images.clamp(-0.98, 0.98), atol=1e-6)


@pytest.mark.parametrize("name", ["resnet", "unet", "encoder-decoder"])
def test_an_input_skip_adds_what_the_same_weights_draw(name):
    """With :func:`torch.atanh` of what they draw, by the formula itself."""
    options = small(name)
    plain = randomised(build(name, **options)).double()
    skipping = build(name, **options, input_skip=True, input_skip_gain=3).double()
    skipping.load_state_dict(plain.state_dict())  # of the same names
    images = torch.rand(2, 3, 24, 16, dtype=torch.float64) * 2 - 1
    expected = torch.tanh(torch.atanh(images.clamp(-0.98, 0.98)) + 3 * torch.atanh(plain(images)))
    assert not torch.allclose(expected, images, atol=0.1)
    assert torch.allclose(skipping(images), expected)


def test_an_input_skip_needs_as_many_channels():
    with pytest.raises(ConfigError, match=r"generator.input_skip .* as many channels; got 1 and 3"):
        build("resnet6", 1, 3, input_skip=True)


def test_a_fresh_network_has_the_initialisation_asked_for():
    torch.manual_seed(0)
    network = build("resnet", blocks=1, base_channels=16, norm="batch")
    assert network.model[7].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert network.model[8].weight.std().item() == pytest.approx(0.02, rel=0.5)
    assert network.model[8].weight.mean().item() == pytest.approx(1, abs=0.02)
    assert not network.model[-2].bias.any()
    wide = build("resnet", blocks=1, base_channels=16, init_gain=0.5)
    assert wide.model[7].weight.std().item() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("name", SPEC)
def test_options_are_described_and_bounded(name):
    fields = describe_options(SPEC[name].options)
    assert all(field.description for field in fields)
    assert all(field.bounds for field in fields if field.type in ("integer", "number"))
    assert {field.name for field in fields} >= {
        "base_channels",
        "norm",
        "affine",
        "dropout",
        "upsample",
        "init",
        "init_gain",
        "input_skip",
        "input_skip_gain",
    }


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"norm": "batch", "affine": True}, "generator.affine: got True: affine is for norm 'instance' only"),
        ({"downs": 11}, "generator.downs: got 11"),
        ({"downs": 1}, "generator.downs: got 1"),
        ({"base_channels": 0}, "generator.base_channels: got 0"),
        ({"upsample": "cubic"}, "generator.upsample: got 'cubic'"),
        ({"init_gain": "inf"}, "generator.init_gain: got 'inf'"),
        ({"input_skip_gain": 3}, "generator.input_skip_gain: got 3: input_skip_gain is for input_skip only"),
        ({"down": 4}, "generator.down: there is no such option; did you mean 'downs'?"),
    ],
)
def test_wrong_options_are_explained(values, problem):
    options, problems = parse_options(SPEC["unet"].options, values, where="generator")
    assert options is None
    assert any(str(found).startswith(problem) for found in problems)


def test_a_fixed_depth_has_no_depth_option():
    with pytest.raises(ValidationError):
        SPEC["resnet9"].options(blocks=3)
    with pytest.raises(ValidationError):
        SPEC["unet256"].options(downs=3)


def test_specs_import_no_torch():
    code = "import sys, i2i.builtin.generators, i2i.builtin.discriminators; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
