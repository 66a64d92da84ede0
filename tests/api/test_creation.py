"""``i2i.create`` builds every component by name, and explains what is wrong with a call."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import i2i
from i2i.api import resolve
from i2i.config.method_building import build_method
from i2i.errors import ConfigError, PluginError
from i2i.models.scores import STANDARD_SETS
from i2i.plugins.features import name_taps
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import AdversarialLoss, Parts, RunObserver
from i2i.plugins.specs import LossSpec, MetricSpec

BUILTIN = [component.spec for component in PluginManager({}).components() if component.plugin.package == "i2i"]


def names(kind):
    return [spec.name for spec in BUILTIN if spec.kind == kind]


@pytest.mark.parametrize("name", names("generator"))
def test_every_generator(name):
    options = {"downs": 4} if name in ("unet", "encoder-decoder") else {}
    generator = i2i.create("generator", name, in_channels=1, out_channels=2, base_channels=2, **options).eval()
    side = {"unet128": 128, "unet256": 256}.get(name, 32)

    with torch.no_grad():
        output = generator(torch.rand(1, 1, side, side) * 2 - 1)

    assert output.shape == (1, 2, side, side)
    assert output.abs().max() <= 1


@pytest.mark.parametrize("name", names("discriminator"))
def test_every_discriminator(name):
    discriminator = i2i.create("discriminator", name, in_channels=5, base_channels=2).eval()

    with torch.no_grad():
        logits = discriminator(torch.rand(2, 5, 128, 128) * 2 - 1)

    for each in logits if isinstance(logits, list) else [logits]:
        assert each.shape[:2] == (2, 1)


@pytest.mark.parametrize("name", names("optimizer"))
def test_every_optimizer(name):
    parameter = nn.Parameter(torch.ones(2))
    optimizer = i2i.create("optimizer", name, parameters=[parameter], learning_rate=0.5)

    parameter.sum().backward()
    optimizer.step()

    assert (parameter < 1).all()


LEARNING = ["domain_distance", "domain_probability"]


@pytest.mark.parametrize("name", LEARNING)
def test_a_metric_that_learns_says_what_it_needs(name):
    with pytest.raises(ConfigError, match=rf"create\('metric', '{name}'\) needs training, direction"):
        i2i.create("metric", name)


@pytest.mark.parametrize("name", [name for name in names("metric") if name not in (*STANDARD_SETS, *LEARNING)])
@pytest.mark.parametrize("device", [None, "cpu", torch.device("cpu")])
def test_every_metric_is_on_the_cpu_unless_a_device_is_given(name, device):
    metric = i2i.create("metric", name, **({} if device is None else {"device": device}))
    images = torch.rand(2, 3, 32, 32) * 2 - 1

    if PluginManager({}).spec(MetricSpec, name).family == "pairs":
        assert metric(images, images.flip(3)).shape == (2,)
    else:
        metric.update(images, real=True)
        metric.update(images.flip(3), real=False)
        if hasattr(metric, "update_inputs"):
            metric.update_inputs(images)
        assert isinstance(metric.compute(), float)


@pytest.mark.parametrize("name", [name for name in names("observer") if name != "wandb"])
def test_every_observer(name):
    assert isinstance(i2i.create("observer", name), RunObserver)


@pytest.mark.parametrize("name", names("loss"))
def test_every_loss(name):
    loss = i2i.create("loss", name)
    spec = PluginManager({}).spec(LossSpec, name)
    one, other = torch.rand(1, 3, 40, 40), torch.rand(1, 3, 40, 40)

    if spec.family == "adversarial":
        assert isinstance(loss, AdversarialLoss)
        assert loss.discriminator(one, other).shape == loss.generator(other).shape == ()
    else:
        assert loss(one, other).shape == ()


@pytest.mark.parametrize("name", names("buffer"))
def test_every_buffer(name):
    buffer = i2i.create("buffer", name, generator=torch.Generator().manual_seed(0))

    assert buffer.exchange(torch.rand(2, 3, 4, 4)).shape == (2, 3, 4, 4)


def generator_with_tap(in_channels, out_channels):
    network = nn.Sequential(nn.Conv2d(in_channels, 4, 1), nn.Conv2d(4, out_channels, 1))
    name_taps(network, {"first": "0"})
    return network


@pytest.mark.parametrize("name", names("method"))
def test_every_method(name):
    parts = Parts(
        channels={"A": 3, "B": 3},
        make_generator=generator_with_tap,
        make_discriminator=lambda a: nn.Conv2d(a, 1, 1),
        make_buffer=lambda: i2i.create("buffer", "none", generator=torch.Generator()),
        adversarial=i2i.create("loss", "lsgan"),
        pixel=i2i.create("loss", "l1"),
        taps={"generator": ("first",), "discriminator": ()},
    )

    method = i2i.create("method", name, parts=parts)

    assert set(method.directions.values()) <= set(method.generators)


def test_a_data_set():
    dataset = i2i.create("dataset", "folder", root="sample:flat-3d", split="test", image_size=32, load_size=32)

    assert dataset[0, 0]["A"].shape == (3, 32, 32)
    assert dataset.truth


def test_three_channels_unless_asked():
    generator = i2i.create("generator", "resnet6", base_channels=2)

    assert generator(torch.zeros(1, 3, 16, 16)).shape == (1, 3, 16, 16)


def test_the_call_of_the_documentation():
    generator = i2i.create("generator", "resnet9", in_channels=3, out_channels=3, base_channels=64)

    assert sum(parameter.numel() for parameter in generator.parameters()) == 11_378_179


def test_the_same_component_as_in_a_run():
    settings = {"generator.base_channels": 4, "discriminator.base_channels": 2}
    method = build_method(
        PluginManager({}), resolve("photos", settings=settings), {"A": 3, "B": 3}, 0, torch.device("cpu")
    )

    generator = i2i.create("generator", "resnet9", base_channels=4)

    assert generator.load_state_dict(method.generators["G_A"].state_dict())


@pytest.mark.parametrize(
    ("kind", "name", "missing"),
    [("buffer", "replay", "generator"), ("method", "cyclegan", "parts"), ("dataset", "folder", "root")],
)
def test_what_a_kind_needs_is_asked_for(kind, name, missing):
    with pytest.raises(ConfigError, match=rf"^create\('{kind}', '{name}'\) needs {missing}$"):
        i2i.create(kind, name)


@pytest.mark.parametrize("kind", ["generators", "pixel_loss", ""])
def test_an_unknown_kind_lists_the_kinds(kind):
    with pytest.raises(PluginError, match=rf"no kind of component called '{kind}' \(kinds: generator, discriminator, "):
        i2i.create(kind, "resnet9")


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(PluginError, match="there is no generator called 'resnet99'; did you mean 'resnet9'"):
        i2i.create("generator", "resnet99")


def test_every_wrong_option_is_named():
    with pytest.raises(ConfigError) as caught:
        i2i.create("generator", "resnet9", base_chanels=4, norm="group", init_gain=-1)

    told = str(caught.value).splitlines()
    assert len(told) == 3
    assert any(line.startswith("resnet9.base_chanels: there is no such option; did you mean 'base_ch") for line in told)
    assert any(line.startswith("resnet9.norm: got 'group'") for line in told)
    assert any(line.startswith("resnet9.init_gain: got -1") for line in told)


PLUGIN = """
    from i2i.plugins import GeneratorSpec, hookimpl

    @hookimpl
    def i2i_generators():
        return [GeneratorSpec(name="oak", summary="A tree.", build=lambda options, **channels: "a string")]
"""


def test_an_installed_plugin_that_builds_no_module_is_named(install):
    install("i2i-oak", PLUGIN)

    with pytest.raises(
        PluginError,
        match=r"^generator 'oak' of package i2i-oak \S+: build must return a torch.nn.Module; got str$",
    ):
        i2i.create("generator", "oak")
