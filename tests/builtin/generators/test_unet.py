"""The U-Net and the encoder-decoder against key lists, counts and straight-line transcripts."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from i2i.builtin.generators.encoder_decoder import EncoderDecoderGenerator
from i2i.builtin.generators.unet import UnetGenerator

from ...helpers.networks import count, randomised

NORM_KEYS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


class Transcript:
    """Functional pieces that look their weights up by key; each takes the input, then the key of its parameters."""

    def __init__(self, state, norm, training, antialias=False):
        self.state, self.kind, self.training, self.antialias = state, norm, training, antialias

    def conv(self, x, key):
        if self.antialias:  # rows, then columns
            x = F.pad(x, [1] * 4, "reflect")
            x = (x[:, :, :-2] + 2 * x[:, :, 1:-1] + x[:, :, 2:]) / 4
            x = (x[..., :-2] + 2 * x[..., 1:-1] + x[..., 2:]) / 4
        return F.conv2d(x, self.state[f"{key}.weight"], self.state.get(f"{key}.bias"), stride=2, padding=1)

    def up(self, x, key):
        weight, bias = self.state[f"{key}.weight"], self.state.get(f"{key}.bias")
        if weight.shape[-1] == 3:
            return F.conv2d(x.repeat_interleave(2, 2).repeat_interleave(2, 3), weight, bias, padding=1)
        return F.conv_transpose2d(x, weight, bias, stride=2, padding=1)

    def norm(self, x, key):
        if self.kind == "none":
            return x
        if self.kind == "instance":
            return F.instance_norm(x, weight=self.state.get(f"{key}.weight"), bias=self.state.get(f"{key}.bias"))
        mean, variance, weight, bias = (
            self.state[f"{key}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean.clone(), variance.clone(), weight, bias, self.training)


def unet_transcript(t, image):
    """Three levels, one line an operation; activations of the skips as the reference leaves them, after LeakyReLU."""
    one = F.leaky_relu(t.conv(image, "model.model.0"), 0.2)
    two = F.leaky_relu(t.norm(t.conv(one, "model.model.1.model.1"), "model.model.1.model.2"), 0.2)
    three = t.conv(two, "model.model.1.model.3.model.1").relu()
    up_two = t.norm(t.up(three, "model.model.1.model.3.model.3"), "model.model.1.model.3.model.4")
    joined = torch.cat([two, up_two], 1).relu()
    up_one = t.norm(t.up(joined, "model.model.1.model.5"), "model.model.1.model.6")
    joined = torch.cat([one, up_one], 1).relu()
    return torch.tanh(t.up(joined, "model.model.3"))


def encoder_decoder_transcript(t, image):
    one = F.leaky_relu(t.conv(image, "encoder.0"), 0.2)
    two = F.leaky_relu(t.norm(t.conv(one, "encoder.2"), "encoder.3"), 0.2)
    three = t.conv(two, "encoder.5").relu()
    two = t.norm(t.up(three, "decoder.1"), "decoder.2").relu()
    one = t.norm(t.up(two, "decoder.4"), "decoder.5").relu()
    return torch.tanh(t.up(one, "decoder.7"))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("upsample", ["deconv", "resize"])
@pytest.mark.parametrize(
    ("norm", "affine"), [("instance", False), ("instance", True), ("batch", False), ("none", False)]
)
@pytest.mark.parametrize(
    ("network_class", "transcript"),
    [(UnetGenerator, unet_transcript), (EncoderDecoderGenerator, encoder_decoder_transcript)],
)
def test_forward_equals_a_straight_line_transcript(network_class, transcript, norm, affine, upsample, training):
    network = network_class(2, 3, downs=3, base_channels=4, norm=norm, affine=affine, upsample=upsample)
    network = randomised(network.double()).train(training)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    images = torch.rand(2, 2, 16, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        expected = transcript(Transcript(state, norm, training), images)
        torch.testing.assert_close(network(images), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("network_class", "transcript"),
    [(UnetGenerator, unet_transcript), (EncoderDecoderGenerator, encoder_decoder_transcript)],
)
def test_with_antialiasing_every_halving_looks_at_a_blurred_input(network_class, transcript):
    network = network_class(2, 3, downs=3, base_channels=4, antialias=True)
    network = randomised(network.double())
    state = network.state_dict()
    assert state.keys() == network_class(2, 3, downs=3, base_channels=4).state_dict().keys()
    images = torch.rand(2, 2, 8, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        expected = transcript(Transcript(state, "instance", False, antialias=True), images)
        torch.testing.assert_close(network(images), expected, rtol=1e-9, atol=1e-9)


def test_parameter_counts():
    with torch.device("meta"):
        assert count(UnetGenerator(3, 3, downs=8, norm="batch")) == 54_413_955
        full_level = 2 * 512 * 512 * 16 + 512 * 512 * 16 + 2 * 2 * 512
        assert count(UnetGenerator(3, 3, downs=7, norm="batch")) == 54_413_955 - full_level
        assert count(UnetGenerator(3, 3, downs=8, norm="batch", dropout=True)) == 54_413_955


def unet_keys(downs):
    """Keys of convolutions and of norms, outermost level first."""
    convolutions, norms = ["model.model.0", "model.model.3"], []
    level = "model.model.1.model"
    for _ in range(downs - 2):
        convolutions += [f"{level}.1", f"{level}.5"]
        norms += [f"{level}.2", f"{level}.6"]
        level += ".3.model"
    return [*convolutions, f"{level}.1", f"{level}.3"], [*norms, f"{level}.4"]


@pytest.mark.parametrize("downs", range(2, 11))
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("upsample", ["deconv", "resize"])
def test_unet_keys(downs, dropout, upsample):
    convolutions, norms = unet_keys(downs)
    settings = {"downs": downs, "base_channels": 1, "dropout": dropout, "upsample": upsample}
    batch = UnetGenerator(3, 3, norm="batch", **settings).state_dict()
    expected = {f"{key}.weight" for key in convolutions} | {"model.model.3.bias"}
    assert set(batch) == expected | {f"{key}.{part}" for key in norms for part in NORM_KEYS}
    for norm in ("instance", "none"):
        plain = UnetGenerator(3, 3, norm=norm, **settings).state_dict()
        assert set(plain) == {f"{key}.{part}" for key in convolutions for part in ("weight", "bias")}


@pytest.mark.parametrize("network_class", [UnetGenerator, EncoderDecoderGenerator])
@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize("upsample", ["deconv", "resize"])
@pytest.mark.parametrize("downs", range(2, 11))
def test_every_depth_trains_at_its_smallest_size(network_class, norm, upsample, downs):
    network = network_class(1, 2, downs=downs, base_channels=1, norm=norm, upsample=upsample, dropout=True)
    size = 2**downs
    output = network(torch.rand(1, 1, size, size) * 2 - 1)
    assert output.shape == (1, 2, size, size)
    assert output.abs().max() <= 1
    output.sum().backward()


@pytest.mark.parametrize("network_class", [UnetGenerator, EncoderDecoderGenerator])
def test_multiples_work_and_other_sizes_are_refused(network_class):
    network = network_class(3, 3, downs=4, base_channels=2)
    assert network(torch.zeros(1, 3, 48, 80)).shape == (1, 3, 48, 80)
    with pytest.raises(ValueError, match="multiples of 16; got 48x81; resize, crop or pad them, for example to 48x80"):
        network(torch.zeros(1, 3, 48, 81))


def test_dropout_is_in_the_middle_levels_of_full_width():
    def places(network):
        return [name for name, module in network.named_modules() if isinstance(module, nn.Dropout)]

    network = UnetGenerator(3, 3, downs=8, base_channels=1, dropout=True)
    fifth = "model.model.1.model.3.model.3.model.3.model"
    expected = {f"{fifth}.7", f"{fifth}.3.model.7", f"{fifth}.3.model.3.model.7"}
    assert set(places(network)) == expected
    for downs in range(2, 11):
        for network_class in (UnetGenerator, EncoderDecoderGenerator):
            network = network_class(3, 3, downs=downs, base_channels=1, dropout=True)
            assert len(places(network)) == max(0, downs - 5)
