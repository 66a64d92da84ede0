"""Generators of the reference implementation are known from keys and shapes; others are refused with the reason."""

import pytest
import torch

from i2i.models.official_layout import UnknownLayoutError, recognise

from ..helpers import official_networks as official


@pytest.mark.parametrize(
    ("weights", "name", "component"),
    [
        (
            lambda: official.resnet(9, ngf=2),
            "resnet_9blocks",
            {"name": "resnet9", "base_channels": 2, "norm": "instance"},
        ),
        (
            lambda: official.resnet(4, ngf=2, norm="batch"),
            "resnet_4blocks",
            {"name": "resnet", "blocks": 4, "norm": "batch"},
        ),
        (lambda: official.resnet(1, dropout=True), "resnet_1blocks", {"dropout": True}),
        (lambda: official.unet(8, ngf=1), "unet_256", {"name": "unet256", "norm": "batch", "dropout": True}),
        (lambda: official.unet(5, ngf=1, norm="instance"), "unet_32", {"name": "unet", "downs": 5, "dropout": False}),
    ],
)
def test_networks_are_known_by_the_names_of_both_programs(weights, name, component):
    found = recognise(weights())
    assert found.official_name == name
    assert component.items() <= found.component.items()


@pytest.mark.parametrize(
    "weights", [official.resnet(2, norm="none"), official.unet(3), official.resnet(1, affine=True)]
)
def test_its_own_weights_are_those_of_the_file_in_float32(weights):
    own = recognise(weights).own_weights(
        {key: value.double() if value.is_floating_point() else value for key, value in weights.items()}
    )
    floats = {key: value for key, value in own.items() if value.is_floating_point()}
    assert {value.dtype for value in floats.values()} == {torch.float32}
    for key, value in weights.items():
        assert torch.equal(own[key].to(value.dtype), value), key
    assert not any(value.any() for key, value in own.items() if key not in weights), "what is added does nothing"


def patch_discriminator():
    weights, before = {}, 3
    for place, width in ((0, 64), (2, 128), (5, 256), (8, 512), (11, 1)):
        weights[f"model.{place}.weight"] = torch.zeros(width, before, 4, 4)
        before = width
    return weights


def without(weights, key):
    return {name: value for name, value in weights.items() if name != key}


MISFITS = {
    "a discriminator": (patch_discriminator, r"discriminator \(PatchGAN of 3 layers\).*_net_G"),
    "a pixel discriminator": (lambda: {"net.0.weight": torch.zeros(64, 3, 1, 1)}, r"discriminator \(pixel\)"),
    "another network": (
        lambda: {"conv1.weight": torch.zeros(64, 3, 7, 7)},
        r"its 1 tensors are conv1\.weight \[64, 3, 7, 7\]",
    ),
    "CUT": (lambda: {"model.4.filt": torch.zeros(1, 1, 3, 3)}, "low-pass filters.*CUT"),
    "a missing key": (
        lambda: without(official.resnet(6), "model.12.conv_block.5.weight"),
        r"looks like resnet_6blocks, but model\.12\.conv_block\.5\.weight is missing",
    ),
    "a further key": (
        lambda: {**official.resnet(2), "model.99.weight": torch.zeros(3)},
        r"looks like resnet_2blocks, but model\.99\.weight is not known there",
    ),
    "another width": (
        lambda: {**official.unet(3), "model.model.1.model.1.weight": torch.zeros(9, 4, 4, 4)},
        r"unet_8, but model\.model\.1\.model\.1\.weight has shape \[9, 4, 4, 4\] instead of \[8, 4, 4, 4\]",
    ),
    "zero padding": (lambda: {**official.resnet(1), "model.10.conv_block.0.weight": torch.zeros(1)}, "padded with zer"),
    "a gap between blocks": (
        lambda: {key: value for key, value in official.resnet(3).items() if not key.startswith("model.11.")},
        r"at model\.10, 12 instead of from",
    ),
    "group norm": (
        lambda: {
            **official.resnet(1, norm="none"),
            "model.2.weight": torch.ones(6),
            "model.2.bias": torch.ones(6),
        },
        r"norms, such as model\.2, have a scale and a shift, but neither running statistics",
    ),
    "not a convolution": (lambda: {**official.unet(3), "model.model.0.weight": torch.zeros(4)}, "four dimensions"),
    "only the inner U-Net": (
        lambda: without(official.unet(3), "model.model.3.weight"),
        r"looks like a U-Net, but lacks model\.model\.3\.weight",
    ),
}


@pytest.mark.parametrize(("weights", "message"), MISFITS.values(), ids=MISFITS)
def test_weights_that_fit_nothing_name_what_was_found(weights, message):
    with pytest.raises(UnknownLayoutError, match=message):
        recognise(weights())
