"""From what a person gave to the resolved configuration: which layer wins, and what is said about each mistake."""

from __future__ import annotations

import pytest

from i2i.api import resolve
from i2i.config.layers import layer_from_file
from i2i.config.resolver import config_from_dict
from i2i.errors import ConfigError
from i2i.plugins.manager import PluginManager

from ..helpers.settings import problems

MANAGER = PluginManager({})


def test_the_papers_cyclegan_without_a_preset():
    config = resolve("photos")

    assert (config.method.name, config.generator.name, config.loss.name, config.pixel_losses[0].name) == (
        "cyclegan",
        "resnet9",
        "lsgan",
        "l1",
    )
    assert [choice.name for choice in config.discriminators] == ["patch70"]
    assert (config.buffer.name, config.buffer.options.size) == ("replay", 50)
    assert config.generator.options.norm == config.discriminators[0].options.norm == "instance"
    assert config.generator.options.base_channels == config.discriminators[0].options.base_channels == 64
    assert (config.generator.options.init, config.generator.options.init_gain) == ("normal", 0.02)
    assert not config.generator.options.dropout
    method = config.method.options
    assert (method.lambda_A, method.lambda_B, method.lambda_identity, method.lambda_paired) == (10, 10, 0.5, 0)
    optimizer = config.optimizer.options
    assert (optimizer.learning_rate, optimizer.beta1, optimizer.beta2) == (2e-4, 0.5, 0.999)
    data = config.data.options
    assert (config.data_root, data.pairing, data.image_size, data.full_load_size) == ("photos", "unpaired", 256, 286)
    assert (config.training.batch_size, config.schedule.name) == (1, "linear")


def test_the_papers_pix2pix_without_a_preset():
    config = resolve("photos", method="pix2pix")

    assert (config.generator.name, config.loss.name, config.buffer.name) == ("unet256", "gan", "none")
    assert config.generator.options.norm == config.discriminators[0].options.norm == "batch"
    assert config.generator.options.dropout
    assert config.method.options.lambda_L1 == 100
    assert config.data.options.pairing == "paired"


def test_semi_paired_training_asks_for_partners():
    assert resolve("photos", settings=["method.lambda_paired=5"]).data.options.pairing == "partners"


def test_a_sample_brings_its_method_and_preset():
    plain, flat, line = resolve("photos"), resolve("sample:flat-3d"), resolve("sample:line-3d")

    assert resolve() == flat
    assert (flat.method.name, line.method.name) == ("cyclegan", "pix2pix")
    assert flat.generator.options.base_channels < plain.generator.options.base_channels
    assert flat.generator.options.norm == "instance"  # the preset leaves the method's other defaults
    assert flat.data.options.image_size == line.data.options.image_size == 64
    assert flat.training.steps is not None
    assert resolve("sample:line-3d", method="cyclegan").generator.name == "resnet9"


def test_layers_in_their_order(file):
    name = "generator.base_channels"
    preset = resolve().generator.options.base_channels
    path = file("generator: {base_channels: 40}\ndata: {image_size: 32}\n")

    def width(*arguments, **options):
        return resolve(*arguments, **options).generator.options.base_channels

    assert width("photos") == 64  # the option's own default
    assert width("photos", method="pix2pix") == 64
    assert resolve("photos", method="pix2pix").generator.options.dropout  # the method's over the option's
    assert width() == preset != 64  # the preset's over the method's
    assert width(config=path) == 40  # the file's over the preset's
    assert width(config=path, settings=[f"{name}=8"]) == 8  # the command line's over the file's
    with pytest.raises(ConfigError, match=r"data\.image_size is given twice, as an option of its own with 96 and with"):
        resolve(config=path, image_size=96, settings=["data.image_size=80"])  # neither is over the other


def test_a_preset_over_the_methods_defaults():
    assert resolve("sample:line-3d").generator.name == "unet"
    assert resolve("photos", method="pix2pix").generator.name == "unet256"


def test_defaults_and_presets_leave_out_what_the_chosen_component_lacks():
    config = resolve("sample:line-3d", generator="resnet6", discriminator="pixel", loss="hinge")

    assert config.generator.options.base_channels == 32  # the preset's width, but not the depth of its U-Net
    assert config.generator.options.dropout
    assert "real_label" not in config.loss.options.model_dump()


def test_a_size_given_alone_fits_the_preset():
    data = resolve(image_size=128).data.options

    assert (data.image_size, data.full_load_size) == (128, 143)


@pytest.mark.parametrize("limit", [{"minutes": 30}, {"epochs": 2000}, {"steps": 5000}])
def test_a_budget_of_ones_own_replaces_the_presets(limit):
    training = resolve(**limit).training

    given = {name: getattr(training, name) for name in ("steps", "epochs", "minutes")}
    assert given == {"steps": None, "epochs": None, "minutes": None, **limit}
    assert training.ema_decay == resolve().training.ema_decay  # only the budget


def test_every_problem_is_reported_at_once():
    told = problems(
        settings=[
            "generators.base_channels=8",
            "generator.base_chanels=8",
            "generator.norm=group",
            "training.batch_size=0",
            "optimizer.lr=1",
            "discriminator.layers=2",
        ],
        loss="lsgann",
        buffer="replya",
        pixel_loss="hinge",
    )

    assert told[0].startswith("generators: there is no such section; did you mean 'generator'? (sections: method,")
    text = "\n".join(told)
    assert "generator.base_chanels: there is no such option; did you mean 'base_channels'? (options: affine," in text
    assert "generator.norm: got 'group': input should be 'instance', 'batch' or 'none'" in text
    assert "training.batch_size: got 0: input should be greater than 0" in text
    assert "optimizer.lr: there is no such option (options: beta1, beta2, learning_rate)" in text
    assert "discriminator.layers: there is no such option" in text
    assert "loss: there is no loss called 'lsgann'; did you mean 'lsgan'? (installed: " in text
    assert "buffer: there is no buffer called 'replya'; did you mean 'replay'?" in text
    assert "pixel_loss.name: must be one of the pixel losses (" in text
    assert len(told) == 9


def test_the_message_counts_and_says_what_to_do_next():
    with pytest.raises(ConfigError) as one:
        resolve(generator="resnet10")
    with pytest.raises(ConfigError) as two:
        resolve(generator="resnet10", loss="x")

    assert str(one.value).startswith("one setting is wrong:\n  generator: there is no generator called 'resnet10'; did")
    assert str(two.value).startswith("2 settings are wrong:\n")
    assert str(one.value).endswith("i2i plugins show KIND NAME")
    assert one.value.exit_code == 2


def test_a_misspelt_method_suggests_the_nearest():
    (told,) = problems(method="cylcegan")

    assert told.startswith("method: there is no method called 'cylcegan'; did you mean 'cyclegan'?")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"loss": "l1"}, "loss.name: must be one of the adversarial losses ("),
        ({"pixel_loss": "lsgan"}, "pixel_loss.name: must be one of the pixel losses ("),
    ],
)
def test_the_families_of_losses_are_kept_apart(options, told):
    (problem,) = problems(**options)

    assert problem.startswith(told)
    assert problem.endswith(" loss")


def test_observers_have_their_options_under_their_names():
    config = resolve(settings={"observers.name": "early-stopping", "observers.early-stopping.patience": 3})

    ((name, options),) = ((choice.name, choice.options) for choice in config.observers)
    assert (name, options.patience) == ("early-stopping", 3)
    assert config_from_dict(MANAGER, config.to_dict()) == config


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"observers.name": "tensorbord"}, "observers: there is no observer called 'tensorbord'; did you mean"),
        (
            {"observers.early-stopping.patience": 3},
            "observers.early-stopping: this observer is not chosen; choose it with --observer early-stopping",
        ),
        ({"observers.name": ["early-stopping"], "observers.early-stopping.patience": 0}, "patience"),
        ({"observers.name": ["early-stopping"], "observers.early-stopping": 3}, "must hold options; got 3"),
        ({"observers.name": 3}, "observers.name: must be a list of names; got 3"),
    ],
)
def test_what_is_wrong_with_observers_is_said(settings, told):
    with pytest.raises(ConfigError) as error:
        resolve(settings=settings)

    assert told in str(error.value)


def test_what_was_called_trackers_are_observers():
    config = resolve(settings=["training.trackers=[tensorboard]"])

    assert [choice.name for choice in config.observers] == ["tensorboard"]
    assert resolve(settings={"training.trackers": []}).observers == ()
    with pytest.raises(ConfigError, match=r"earlier name of observers\.name, and both are given, with .* put all"):
        resolve(observer="early-stopping", settings=["training.trackers=[tensorboard]"])


@pytest.mark.parametrize(
    ("method", "extra", "needed"),
    [("pix2pix", [], "paired"), ("cyclegan", ["method.lambda_paired=1"], "partners")],
)
def test_pairing_that_the_method_cannot_use_is_refused(method, extra, needed):
    (told,) = problems("photos", method=method, settings=["data.pairing=unpaired", *extra])

    assert told.startswith(f"data.pairing: must be {needed!r} for method {method} ")
    assert told.endswith("; got 'unpaired'; leave it out")


def test_cyclegan_may_train_on_pairs():
    assert resolve("photos", settings=["data.pairing=paired"]).data.options.pairing == "paired"


@pytest.mark.parametrize("section", ["method", "generator", "discriminator", "loss", "pixel_loss", "buffer"])
def test_an_unknown_component_is_a_wrong_setting(section):
    (told,) = problems(**{section: "nothing"})

    kind = "loss" if section == "pixel_loss" else section
    assert told.startswith(f"{section}: there is no {kind} called 'nothing'")


def test_taking_one_limit_back_leaves_the_presets_other_one():
    assert resolve(settings=["training.minutes=null"]).training.steps == resolve().training.steps is not None


def test_a_wrong_option_of_the_data_does_not_accuse_the_pairing_that_nobody_set():
    assert problems("photos", method="pix2pix", settings=["data.image_size=-1"]) == [
        "data.image_size: got -1: input should be greater than or equal to 1"
    ]
    assert len(problems("photos", method="pix2pix", settings=["data.nosuch=1", "generator.nosuch=1"])) == 2
    (told,) = problems("photos", method="pix2pix", settings=["data.pairing=unpaired"])
    assert told.startswith("data.pairing: must be 'paired' for method pix2pix")


def test_an_error_is_no_longer_than_a_screen(tmp_path):
    with pytest.raises(ConfigError) as caught:
        resolve(settings=[f"generator.x{n}{'x' * 5000}=[{'1,' * (500 if n else 5000)}1]" for n in range(100)])
    message = str(caught.value)
    assert "  and 80 more\n" in message
    assert len(message.splitlines()) < 25
    assert max(map(len, message.splitlines())) < 500

    path = tmp_path / "mine.yaml"
    path.write_text("generator: " + "[" * 3000)
    with pytest.raises(ConfigError, match="nested too deeply") as caught:
        layer_from_file(path)
    assert len(str(caught.value)) < 400
