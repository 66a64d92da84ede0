"""Activations come by name, whatever a network is wrapped in, and never other ones in silence."""

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

import i2i
from i2i.plugins.features import name_taps, tapped, taps_of

from ..helpers.distributed import process_group

TAPS = {"first": "body.0", "second": "body.1", "last": "last"}


class Network(nn.Module):
    """Three layers that say when they run."""

    def __init__(self, inplace=False, times=1):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace))
        self.last = nn.Conv2d(4, 3, 1)
        self.times = times
        self.ran = []

    def forward(self, images):
        for _ in range(self.times):
            features = self.body(images)
        self.ran.append("body")
        output = torch.tanh(self.last(features))
        self.ran.append("last")
        return output


@pytest.fixture(autouse=True)
def _same_weights():
    torch.manual_seed(0)


@pytest.fixture
def images():
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def network(taps=TAPS, **options):
    made = Network(**options)
    name_taps(made, taps)
    return made


def test_a_call_gives_the_output_and_what_the_layers_computed(images):
    made = network()
    output, activations = tapped(made, ["second", "first"])(images)

    assert list(activations) == ["second", "first"]
    assert torch.equal(output, made(images))
    assert torch.equal(activations["first"], made.body[0](images))
    assert torch.equal(activations["second"], made.body[0](images).relu())


def test_encoding_runs_no_further_than_the_last_layer_asked_for(images):
    made = network()
    activations = tapped(made, ["second"]).encode(images)

    assert torch.equal(activations["second"], made.body(images))
    assert made.ran == []
    assert tapped(made, []).encode(images) == {}


def test_gradients_reach_the_weights_and_the_images(images):
    made = network()
    tapped(made, ["second"]).encode(images.requires_grad_())["second"].sum().backward()

    assert images.grad.any()
    assert made.body[0].weight.grad.any()
    assert made.last.weight.grad is None


def test_nothing_stays_on_the_network(images):
    made = network()
    tapped(made, TAPS)(images)
    tapped(made, TAPS).encode(images)
    made.last.forward = fail
    with pytest.raises(ValueError, match="3 channels"):
        tapped(made, TAPS)(images)

    assert not any(module._forward_hooks for module in made.modules())


def fail(_):
    raise ValueError("3 channels")


def test_a_network_in_inference_mode_is_as_good(images):
    with torch.inference_mode():
        assert tapped(network(), ["first"]).encode(images)["first"].shape == (2, 4, 8, 8)


@pytest.mark.parametrize("how", ["wrapped", "in place", "inside"])
def test_a_compiled_network_has_its_layers(images, how):
    made = network()
    expected = made.body(images)
    compiled = made
    if how == "wrapped":
        compiled = torch.compile(made, backend="eager")
    elif how == "in place":
        made.compile(backend="eager")
    else:
        made.body.compile(backend="eager")
    compiled(images)  # compiled before there are hooks, which it then does not call

    assert list(taps_of(compiled)) == list(TAPS)
    output, activations = tapped(compiled, ["second"])(images)
    assert torch.equal(activations["second"], expected)
    assert torch.equal(tapped(compiled, ["second"]).encode(images)["second"], expected)
    assert torch.equal(output, compiled(images))


def test_a_moving_average_has_the_layers_of_its_own_weights(images):
    made = network()
    average = AveragedModel(made)
    with torch.no_grad():
        made.body[0].weight.zero_()
        made.body[0].bias.zero_()

    assert not tapped(made, ["first"]).encode(images)["first"].any()
    assert tapped(average, ["first"]).encode(images)["first"].any()
    assert list(taps_of(copy.deepcopy(average))) == list(TAPS)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a process group without network, inside PyTorch
def test_a_network_in_distributed_training_averages_its_gradients_or_says_so(images, monkeypatch):
    made = network()
    with process_group(monkeypatch):
        wrapped = nn.parallel.DistributedDataParallel(made)
        encoder = tapped(wrapped, ["first"])
        for _ in range(2):  # the second step fails when the first left its reduction unfinished
            output, activations = encoder(images)
            (output.sum() + activations["first"].sum()).backward()
            with torch.no_grad():
                assert torch.equal(encoder.encode(images)["first"], activations["first"])
        with pytest.raises(RuntimeError, match="cannot record gradients of a network in DistributedDataParallel"):
            encoder.encode(images)
        del wrapped, encoder
    assert torch.equal(activations["first"], made.body[0](images))


def test_a_built_in_network_has_the_taps_of_its_spec():
    generator = i2i.create("generator", "resnet", blocks=2, base_channels=2)

    assert list(taps_of(generator)) == ["pixels", "down1", "down2", "block1", "block2"]
    assert taps_of(nn.ReLU()) == {}


def test_a_layer_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"Network has no layer 'body.7', which is to be tap 'first'"):
        name_taps(Network(), {"first": "body.7"})


def test_a_name_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(ValueError, match=r"no tap 'frist'; did you mean 'first'.*its taps: first, second, last"):
        tapped(network(), ["frist"])
    with pytest.raises(ValueError, match=r"Network has no tap 'first' .it has none: its spec names no taps"):
        tapped(Network(), ["first"])


def test_a_layer_that_runs_several_times_is_refused(images):
    with pytest.raises(ValueError, match=r"tap 'first' must be a layer that runs once; 'body.0' ran again"):
        tapped(network(times=2), ["first"])(images)


def test_a_layer_that_does_not_run_is_refused(images):
    made = network()
    made.forward = made.last.forward = lambda images: images
    with pytest.raises(ValueError, match=r"tap 'first' must be a layer that runs; 'body.0' of Network did not"):
        tapped(made, ["first"]).encode(images)


def test_what_is_changed_in_place_afterwards_is_refused(images):
    made = network(inplace=True)
    with pytest.raises(ValueError, match=r"tap 'first' must be a layer whose output stays; .*'body.0' of Network gave"):
        tapped(made, ["first", "second"])(images)
    assert tapped(made, ["second"])(images)[1]["second"].min() >= 0


def test_a_layer_that_gives_no_tensor_is_refused(images):
    made = nn.Sequential(nn.Identity(), Pair(), Network())
    name_taps(made, {"pair": "1"})
    with pytest.raises(TypeError, match="tap 'pair' must be a layer that gives a tensor; Pair gave tuple"):
        tapped(made, ["pair"]).encode(images)


class Pair(nn.Module):
    def forward(self, images):
        return images, images
