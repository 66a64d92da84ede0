"""From what a person gave to the resolved configuration: which layer wins, and what is said about each mistake."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from i2i.api import resolve
from i2i.config.layers import layer_from_file
from i2i.config.resolver import config_from_dict
from i2i.errors import ConfigError
from i2i.plugins.manager import PluginManager

from ..helpers.examples import examples

MANAGER = PluginManager({})


def problems(*arguments, **options):
    """The lines of the error, one a problem."""
    with pytest.raises(ConfigError) as caught:
        resolve(*arguments, **options)
    return [line.strip() for line in str(caught.value).splitlines() if line.startswith("  ")]


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "settings.yaml"
        path.write_text(text)
        return path

    return write


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
    assert config.loss.options.model_dump() == {}


def test_a_size_given_alone_fits_the_preset():
    data = resolve(image_size=128).data.options

    assert (data.image_size, data.full_load_size) == (128, 143)


@pytest.mark.parametrize("limit", [{"minutes": 30}, {"epochs": 2000}, {"steps": 5000}])
def test_a_budget_of_ones_own_replaces_the_presets(limit):
    training = resolve(**limit).training

    given = {name: getattr(training, name) for name in ("steps", "epochs", "minutes")}
    assert given == {"steps": None, "epochs": None, "minutes": None, **limit}
    assert training.ema_decay == resolve().training.ema_decay  # only the budget


def test_every_problem_is_told_at_once():
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


def test_a_misspelt_method_is_told_with_the_nearest():
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


def test_strings_are_read_as_yaml_and_converted():
    config = resolve(
        settings=[
            "optimizer.learning_rate=1e-4",
            "generator.dropout=yes",
            "schedule.flat_epochs=null",
            " data.background = '#000000'",
        ]
    )

    assert config.optimizer.options.learning_rate == 1e-4
    assert config.generator.options.dropout is True
    assert config.schedule.flat_epochs is None
    assert config.data.options.background == "#000000"


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


def test_settings_may_be_a_mapping():
    config = resolve(settings={"generator.base_channels": 8, "discriminator.0.base_channels": 4})

    assert config.generator.options.base_channels == 8
    assert config.discriminators[0].options.base_channels == 4


@pytest.mark.parametrize("value", [".inf", ".nan", "-1", "0"])
@pytest.mark.parametrize("name", ["training.epochs", "training.minutes", "optimizer.learning_rate"])
def test_impossible_numbers_are_refused(name, value):
    (told,) = problems(settings=[f"{name}={value}"])

    assert told.startswith(f"{name}: got ")


# Several pixel losses


def pixel_losses(*arguments, **options):
    return resolve("photos", *arguments, **options).to_dict()["pixel_loss"]


def test_a_single_pixel_loss_is_recorded_as_it_always_was():
    assert pixel_losses() == {"name": "l1"}
    assert pixel_losses(pixel_loss="huber", settings=["pixel_loss.delta=0.5"]) == {"name": "huber", "delta": 0.5}
    assert pixel_losses(settings=["pixel_loss.weight=2"]) == {"name": "l1", "weight": 2.0}


def test_several_pixel_losses_have_weights_and_options_by_number(file):
    asked = {"pixel_loss": ["l1", "huber", "huber"], "settings": ["pixel_loss.1.weight=0.5", "pixel_loss.2.delta=1"]}
    expected = [
        {"name": "l1"},
        {"name": "huber", "delta": 0.1, "weight": 0.5},
        {"name": "huber", "delta": 1.0},
    ]
    assert pixel_losses(**asked) == expected
    path = file("pixel_loss: [l1, {name: huber, weight: 0.5}, {name: huber, delta: 1}]\n")
    assert pixel_losses(config=path) == expected
    assert pixel_losses(config=path, pixel_loss=["l2", "l1"]) == [{"name": "l2"}, {"name": "l1"}]
    config = resolve("photos", **asked)
    assert config_from_dict(PluginManager(), config.to_dict()) == config


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("pixel_loss.1.wieght=2", "pixel_loss.1 (huber).wieght: there is no such option; did you mean 'weight'?"),
        ("pixel_loss.1.weight=-1", "pixel_loss.1 (huber).weight: got -1: input should be greater than or equal to 0"),
        ("pixel_loss.1=5", "pixel_loss.1: must hold options, such as pixel_loss.1.weight=0.5; got 5"),
        ("pixel_loss.2.weight=1", "pixel_loss.2: there are 2 pixel losses, numbered from 0"),
    ],
)
def test_what_is_wrong_with_one_of_several_pixel_losses_is_said(setting, told):
    (problem,) = problems(pixel_loss=["l1", "huber"], settings=[setting])
    assert problem.startswith(told)


OWN_WEIGHT = """
from i2i.plugins import LossSpec, Options, hookimpl

class OakOptions(Options):
    weight: int = 3

@hookimpl
def i2i_losses():
    return [LossSpec(name="oak", summary="A tree.", family="pixel", options=OakOptions, build=lambda options: None)]
"""


def test_a_pixel_loss_with_a_weight_of_its_own_keeps_it(install):
    install("i2i-oak", OWN_WEIGHT)
    config = resolve("photos", pixel_loss=["l1", "oak"], settings=["pixel_loss.1.weight=4"])

    (_, oak) = config.pixel_losses
    assert (oak.options.weight, oak.weight) == (4, 1.0)


# Several discriminators


def names_and_widths(config):
    return [(choice.name, choice.options.base_channels) for choice in config.discriminators]


def test_several_discriminators_share_options_and_have_their_own():
    config = resolve(
        "photos",
        discriminator=["patch70", "pixel", "patch"],
        settings=["discriminator.base_channels=16", "discriminator.1.base_channels=8", "discriminator.2.layers=4"],
    )

    assert names_and_widths(config) == [("patch70", 16), ("pixel", 8), ("patch", 16)]
    assert config.discriminators[2].options.layers == 4


def test_copies():
    config = resolve("photos", discriminator=["patch70", "pixel"], settings=["discriminator.copies=2"])

    assert [name for name, _ in names_and_widths(config)] == ["patch70", "patch70", "pixel", "pixel"]


@pytest.mark.parametrize("copies", [0, -1, 17, "many", 1.5])
def test_copies_out_of_bounds(copies):
    (told,) = problems(settings={"discriminator.copies": copies})

    assert told == f"discriminator.copies: must be a whole number from 1 to 16; got {copies!r}"


@pytest.mark.parametrize("count", [1, 2])
def test_a_number_without_a_discriminator(count):
    (told,) = problems(discriminator=["pixel"] * count, settings=["discriminator.2.norm=none"])

    are = "is 1 discriminator" if count == 1 else "are 2 discriminators"
    assert told == f"discriminator.2: there {are}, numbered from 0"


def test_a_wrong_option_names_the_discriminator():
    (told,) = problems(discriminator=["patch", "pixel"], settings=["discriminator.1.layers=2"])

    assert told.startswith("discriminator.1 (pixel).layers: there is no such option")


def test_numbers_in_a_file_are_of_the_ones_that_it_names(file):
    path = file("discriminator: [{name: patch70, base_channels: 8}, {name: pixel, base_channels: 4}]\n")

    named_anew = resolve("photos", config=path, discriminator=["pixel", "patch70"])
    assert names_and_widths(named_anew) == [("pixel", 64), ("patch70", 64)]


@pytest.mark.parametrize("names", [[], 5, [5], {"a": 1}])
def test_names_of_another_kind(names):
    (told,) = problems(settings={"discriminator.name": names})

    assert told == f"discriminator.name: must be the name of a discriminator or a list of names; got {names!r}"


def test_a_number_that_holds_no_options():
    (told,) = problems(settings=["discriminator.0=pixel"])

    assert told == ("discriminator.0: must hold options, such as discriminator.0.base_channels=32; got 'pixel'")


def test_the_command_line_wins_over_a_list_in_the_file(file):
    path = file("discriminator: [{name: patch70, base_channels: 8}, {name: pixel, base_channels: 4}, patch]\n")

    assert names_and_widths(resolve("photos", config=path)) == [("patch70", 8), ("pixel", 4), ("patch", 64)]
    everywhere = resolve("photos", config=path, settings=["discriminator.base_channels=16"])
    assert [width for _, width in names_and_widths(everywhere)] == [16, 16, 16]
    one = resolve("photos", config=path, settings=["discriminator.1.base_channels=16"])
    assert [width for _, width in names_and_widths(one)] == [8, 16, 64]


# The optimiser


def rates(config):
    return [config.optimizer.of(group).options.learning_rate for group in ("generators", "discriminators")]


def test_a_group_of_networks_has_options_over_the_shared_ones(file):
    config = resolve(
        "photos", settings=["optimizer.beta1=0.9", "optimizer.discriminators.learning_rate=4e-4"], optimizer="adamw"
    )

    assert config.optimizer.name == "adamw"
    assert rates(config) == [2e-4, 4e-4]
    assert config.optimizer.of("discriminators").options.beta1 == 0.9
    assert config.to_dict()["optimizer"]["discriminators"]["learning_rate"] == 4e-4
    assert "generators" not in config.to_dict()["optimizer"]
    assert resolve(config=file(config.to_yaml())) == config


def test_the_command_line_wins_over_a_group_in_the_file(file):
    path = file("optimizer: {learning_rate: 0.1, discriminators: {learning_rate: 0.2}}\n")

    assert rates(resolve("photos", config=path)) == [0.1, 0.2]
    assert rates(resolve("photos", config=path, settings=["optimizer.learning_rate=0.3"])) == [0.3, 0.3]
    assert rates(resolve("photos", config=path, settings=["optimizer.generators.learning_rate=0.4"])) == [0.4, 0.2]


def test_a_configuration_from_before_optimisers_had_names_is_of_adam():
    values = resolve().to_dict()
    del values["optimizer"]["name"]

    assert config_from_dict(MANAGER, values) == resolve()


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("optimizer.discriminators.lr=1", "optimizer.discriminators.lr: there is no such option (options: beta1, "),
        ("optimizer.generators.beta1=1", "optimizer.generators.beta1: got 1: input should be less than 1"),
        (
            "optimizer.generators=3",
            "optimizer.generators: must hold options, such as optimizer.generators.learning_rate=",
        ),
        ("optimizer.name=adamm", "optimizer: there is no optimizer called 'adamm'; did you mean 'adam'?"),
        ("optimizer.weight_decay=1", "optimizer.weight_decay: there is no such option"),
        ("optimizer.critics.beta1=0", "optimizer.critics.beta1: there is no such option"),
    ],
)
def test_a_wrong_setting_of_the_optimiser(setting, told):
    (problem,) = problems(settings=[setting, "optimizer.discriminators.beta2=0.9"])

    assert problem.startswith(told)


def test_a_wrong_shared_option_is_told_once():
    told = problems(settings=["optimizer.beta1=1", "optimizer.discriminators.beta2=0.9"])

    assert [problem.partition(":")[0] for problem in told] == ["optimizer.beta1"]


# Data


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


# Files


def test_short_forms_in_a_file(file):
    config = resolve(config=file("generator: resnet6\nloss: {name: hinge}\ndiscriminator: pixel\nmethod: cyclegan\n"))

    assert (config.generator.name, config.loss.name, config.discriminators[0].name) == ("resnet6", "hinge", "pixel")


def test_an_empty_file_changes_nothing(file):
    assert resolve(config=file("# nothing\n")) == resolve()


def test_numbered_options_in_a_file(file):
    config = resolve(
        "photos", config=file("discriminator: {name: [pixel, pixel], base_channels: 8, 1: {base_channels: 4}}\n")
    )

    assert names_and_widths(config) == [("pixel", 8), ("pixel", 4)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "expected sections such as 'generator:'; got list"),
        ("just words", "expected sections such as 'generator:'; got str"),
        ("training:\n", "section 'training' must hold options; got None"),
        ("training: 5\n", "section 'training' must hold options; got 5"),
        ("generator: [resnet9]\n", r"section 'generator' must hold options; got \['resnet9'\]"),
        ("discriminator: [5]\n", "a discriminator must be a name or options; got 5"),
        ("a: b: c\n", "is not YAML"),
        ("generator: !!python/object/apply:os.getcwd []\n", "is not plain YAML"),
    ],
)
def test_files_of_another_form_are_refused(file, text, message):
    path = file(text)

    with pytest.raises(ConfigError, match=message) as caught:
        resolve(config=path)
    assert str(caught.value).startswith(f"--config {path}: ")


def test_a_wrong_section_in_a_file(file):
    (told,) = problems(config=file("optimiser: {beta1: 0.9}\n"))

    assert told.startswith("optimiser: there is no such section; did you mean 'optimizer'?")


# Round trips

choices = st.fixed_dictionaries(
    {},
    optional={
        "generator.name": st.sampled_from(["resnet6", "resnet9", "unet128", "unet256"]),
        "generator.base_channels": st.integers(1, 128),
        "generator.init_gain": st.floats(1e-9, 10),
        "generator.upsample": st.sampled_from(["deconv", "resize"]),
        "discriminator.name": st.lists(
            st.sampled_from(["patch70", "patch", "pixel", "multiscale"]), min_size=1, max_size=4
        ),
        "discriminator.copies": st.integers(1, 3),
        "discriminator.spectral_norm": st.booleans(),
        "discriminator.0.base_channels": st.integers(1, 128),
        "loss.name": st.sampled_from(["gan", "lsgan", "hinge", "wgan-gp"]),
        "pixel_loss.name": st.sampled_from(["l1", "l2", "huber"]),
        "buffer.name": st.sampled_from(["replay", "none"]),
        "optimizer.name": st.sampled_from(["adam", "adamw"]),
        "optimizer.learning_rate": st.floats(1e-12, 1),
        "optimizer.discriminators.learning_rate": st.floats(1e-12, 1),
        "schedule.name": st.sampled_from(["linear", "cosine", "step", "plateau", "constant"]),
        "schedule.flat_epochs": st.one_of(st.none(), st.integers(0, 300)),
        "training.epochs": st.one_of(st.none(), st.floats(0.001, 1e6)),
        "training.minutes": st.one_of(st.none(), st.integers(1, 1000)),
        "observers.name": st.lists(st.sampled_from(["tensorboard", "early-stopping"]), max_size=2, unique=True),
        "training.seed": st.integers(0, 2**32 - 1),
        "data.serial": st.booleans(),
        "data.background": st.from_regex(r"#[0-9a-f]{6}", fullmatch=True),
    },
)


def test_a_pixel_loss_that_the_method_has_no_use_for_is_refused():
    with pytest.raises(ConfigError, match=r"method cut has no term for it, so l2 would do nothing; leave it out"):
        resolve(method="cut", pixel_loss="l2")
    with pytest.raises(ConfigError, match="so l1, l2 would do nothing"):
        resolve(method="fastcut", pixel_loss=["l1", "l2"])
    kept = resolve(method="cut")
    assert config_from_dict(MANAGER, kept.to_dict()) == kept


def test_a_moving_average_that_0_1_0_began_has_no_ramp_up():
    values = resolve().to_dict()
    assert config_from_dict(PluginManager(), values).training.ema_ramp_up == 0.05
    del values["training"]["ema_ramp_up"]
    assert config_from_dict(PluginManager(), values).training.ema_ramp_up == 0


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    data=st.sampled_from(["sample:flat-3d", "sample:line-3d", "photos", "Bilder/Bäume: neu", "007", "null"]),
    method=st.sampled_from(["cyclegan", "pix2pix"]),
    given=choices,
)
def test_a_configuration_comes_back_from_its_dictionary_and_from_yaml(data, method, given):
    config = resolve(data, method=method, settings=given)

    assert config_from_dict(MANAGER, config.to_dict()) == config
    assert config_from_dict(MANAGER, yaml.safe_load(config.to_yaml())) == config


@pytest.mark.parametrize("data", ["sample:flat-3d", "sample:line-3d", "photos"])
def test_a_printed_configuration_as_a_file_is_the_same_run(file, data):
    config = resolve(data, discriminator=["patch70", "pixel"], settings=["discriminator.copies=2"])

    path = file(config.to_yaml())

    assert resolve(config=path) == config
    assert resolve(config=path, seed=4).training.seed == 4


def test_a_run_whose_plugin_is_gone_says_so():
    values = resolve().to_dict()
    values["generator"]["name"] = "gone"

    with pytest.raises(ConfigError, match="generator: there is no generator called 'gone'"):
        config_from_dict(MANAGER, values)


@pytest.mark.parametrize("section", ["method", "generator", "discriminator", "loss", "pixel_loss", "buffer"])
def test_an_unknown_component_is_a_wrong_setting(section):
    (told,) = problems(**{section: "nothing"})

    kind = "loss" if section == "pixel_loss" else section
    assert told.startswith(f"{section}: there is no {kind} called 'nothing'")


def test_a_colour_from_the_command_line_is_used():
    assert resolve(settings=["data.background=#000000"]).data.options.background == "#000000"


@pytest.mark.parametrize("value", ["none", "null", "~", ""])
def test_an_optional_value_is_taken_back_in_every_way(value, file):
    path = file("data: {load_size: 300}")

    assert resolve(config=path).data.options.load_size == 300
    assert resolve(config=path, settings=[f"data.load_size={value}"]).data.options.load_size is None
    if value:
        assert resolve(config=file(f"schedule: {{flat_epochs: {value}}}")).schedule.flat_epochs is None


def test_none_stays_a_choice_of_its_own():
    config = resolve(settings=["generator.norm=none", "data.mode=none"])

    assert (config.generator.options.norm, config.data.options.mode) == ("none", "none")


def test_taking_one_limit_back_leaves_the_presets_other_one():
    assert resolve(settings=["training.minutes=null"]).training.steps == resolve().training.steps is not None


@pytest.mark.parametrize(
    "setting", ["method.lambda_A", "method.lambda_identity", "method.lambda_paired", "loss.penalty_weight"]
)
@pytest.mark.parametrize("value", [".inf", "inf", ".nan"])
def test_weights_are_finite(setting, value):
    (problem,) = problems(loss="wgan-gp", settings=[f"{setting}={value}"])

    assert problem.startswith(f"{setting}: got ")
    assert "finite" in problem


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


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_what_powershell_and_notepad_write_is_read(tmp_path, encoding):
    path = tmp_path / "mine.yaml"
    path.write_bytes(resolve("Bäume", steps=7).to_yaml().replace("\n", "\r\n").encode(encoding))

    assert resolve(config=path) == resolve("Bäume", steps=7)


@pytest.mark.parametrize(
    ("text", "value"), [("1e-4", 1e-4), ("1E-4", 1e-4), ("0.0001", 1e-4), ("2e0", 2.0), (".5", 0.5), ("1", 1.0)]
)
def test_numbers_are_numbers_however_they_are_written(tmp_path, text, value):
    path = tmp_path / "mine.yaml"
    path.write_text(f"optimizer:\n  learning_rate: {text}\n")

    assert resolve("photos", config=path).optimizer.options.learning_rate == value
    assert resolve("photos", settings=[f"optimizer.learning_rate={text}"]).optimizer.options.learning_rate == value


@pytest.mark.parametrize(
    ("text", "value"), [("yes", True), ("no", False), ("on", True), ("off", False), ("true", True)]
)
def test_words_for_yes_and_no_are_read_where_they_are_asked_for(text, value):
    assert resolve("photos", settings=[f"generator.dropout={text}"]).generator.options.dropout is value
    (told,) = problems("photos", settings=["generator.norm=no"])
    assert told.startswith("generator.norm: got 'no'")
    assert resolve("photos", settings=["training.seed=010"]).training.seed == 10
