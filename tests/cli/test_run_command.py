"""``i2i run`` hands exactly what a person gave to the engine, and ends by saying where everything is."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from i2i import api
from i2i.cli.main import main
from i2i.cli.run_command import run as run_command
from i2i.config.run_config import TrainingOptions
from i2i.plugins.manager import PluginManager
from i2i.training.records.run_result import RunResult

from ..helpers.images import write_images

METRICS = {"l1": 18.0, "psnr": 17.5, "ssim": 0.61, "identity_l1": 14.5, "identity_psnr": 18.25, "identity_ssim": 0.7}


@dataclass
class Result:
    folder: Path = Path("runs/a name")
    step: int = 1200
    finished: bool = True
    resume_command: str = "i2i run --resume 'runs/a name' --steps 2400"
    picture: Path = Path("runs/a name/picture.png")
    page: Path = Path("runs/a name/index.html")
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    held_out_by: str = ""
    names: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def engine(monkeypatch):
    """Stands for ``i2i.api.run``: records the call and returns ``engine.result``."""

    class Engine:
        calls: list[dict] = []  # noqa: RUF012
        result = Result()

        def run(self, **options):
            self.calls.append(options)
            return self.result

    recorder = Engine()
    recorder.calls = []
    monkeypatch.setattr(api, "run", recorder.run)
    return recorder


def test_nothing_given_is_nothing_passed(engine):
    result = CliRunner().invoke(main, ["run"])

    assert result.exit_code == 0, result.output
    (call,) = engine.calls
    assert call.pop("set") == ()
    assert call.pop("progress") is True
    assert isinstance(call.pop("manager"), PluginManager)
    assert set(call.values()) == {None}


def test_every_option_arrives_under_the_name_of_the_python_function(engine):
    given = {
        "data": "photos",
        "method": "pix2pix",
        "generator": "unet128",
        "loss": "gan",
        "buffer": "none",
        "optimizer": "adamw",
        "steps": 10,
        "epochs": 1.5,
        "minutes": 3.0,
        "image_size": 128,
        "batch_size": 4,
        "accumulate": 2,
        "seed": 7,
        "device": "cpu",
        "precision": "bf16",
        "workers": 0,
        "direction": "BtoA",
        "title": "Alps in relief",
        "keep": 5,
        "out": Path("here"),
        "config": Path("settings.yaml"),
    }
    arguments = [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    arguments += ["--discriminator", "patch70", "--discriminator", "pixel", "--observer", "tensorboard", "--skip-bad"]
    arguments += ["--metric", "kid", "--metric", "fid", "--pixel-loss", "l2", "--augment", "diffaugment"]
    arguments += ["--init-from", "sample:flat-3d", "--freeze", "G.*", "--freeze", "D.*"]
    arguments += ["--set", "generator.base_channels=16", "--set", "data.flip=false"]
    result = CliRunner().invoke(main, ["run", *arguments])

    assert result.exit_code == 0, result.output
    expected = {
        **given,
        "discriminator": ("patch70", "pixel"),
        "observer": ("tensorboard",),
        "metric": ("kid", "fid"),
        "pixel_loss": ("l2",),
        "augment": ("diffaugment",),
        "init_from": ("sample:flat-3d",),
        "freeze": ("G.*", "D.*"),
        "skip_bad": True,
        "set": ("generator.base_channels=16", "data.flip=false"),
        "resume": None,
        "progress": True,
    }
    (call,) = engine.calls
    assert isinstance(call.pop("manager"), PluginManager)
    assert call == expected


def test_defaults_in_the_help_are_the_engines():
    defaults = TrainingOptions()
    texts = {option.name: option.help for option in run_command.params}
    for name in ("batch_size", "accumulate", "seed", "device", "precision", "keep"):
        assert f"Default: {getattr(defaults, name)}" in texts[name]


def test_every_option_shows_its_default_or_needs_none():
    silent = {option.name for option in run_command.params if "Default" not in (option.help or "")}

    assert silent == {"resume", "config", "set", "dry_run", "as_json"}


def test_end_of_run_says_where_everything_is(engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs/a name").mkdir(parents=True)
    Path("runs/a name/picture.png").touch()
    engine.result = Result(metrics={"AtoB": METRICS, "BtoA": {}})
    result = CliRunner().invoke(main, ["run"])

    assert "held out AtoB: L1 18.00 (identity 14.50), PSNR 17.50 dB (identity 18.25 dB), SSIM 0.6100" in result.stdout
    assert "BtoA" not in result.stdout
    engine.result = Result(metrics={"AtoB": METRICS}, names={"A": "satellite", "B": "relief"})
    assert "held out satellite to relief: L1 18.00" in CliRunner().invoke(main, ["run"]).stdout
    assert "run folder: runs/a name (step 1200)" in result.stdout
    assert "picture:    runs/a name/picture.png" in result.stdout
    assert "page:       runs/a name/index.html" in result.stdout
    assert "resume:     i2i run --resume 'runs/a name' --steps 2400\n" in result.stdout


def test_threads_spin_shortly_unless_the_environment_says_otherwise(engine, monkeypatch):
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    CliRunner().invoke(main, ["run"])
    assert os.environ["GOMP_SPINCOUNT"] == "7"

    monkeypatch.delenv("GOMP_SPINCOUNT")
    CliRunner().invoke(main, ["run"])
    assert os.environ["GOMP_SPINCOUNT"] == "1000"


def test_interrupted_run_says_how_to_resume_and_exits_130(engine):
    engine.result = Result(finished=False, step=77, resume_command="i2i run --resume runs/a")
    result = CliRunner().invoke(main, ["run"])

    assert result.exit_code == 130
    assert "Interrupted; everything is saved." in result.stdout
    assert "resume:     i2i run --resume runs/a\n" in result.stdout


def test_other_processes_of_a_distributed_run_are_silent(engine):
    second = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
    result = CliRunner().invoke(main, ["run"], env=second)

    assert result.output == ""
    assert engine.calls[0]["progress"] is False


def test_a_rank_that_somebody_left_over_silences_nobody(engine):
    result = CliRunner().invoke(main, ["run"], env={"RANK": "1"})

    assert "run folder:" in result.output
    assert engine.calls[0]["progress"] is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "many"], "'many' is not a valid integer"),
        (["--batch-size", "0"], "0 is not in the range x>=1"),
        (["--minutes", "0"], "0.0 is not in the range x>0"),
        (["--seed", "-1"], "-1 is not in the range"),
        (["--precision", "fp64"], "'fp64' is not one of 'fp32', 'bf16'"),
        (["--generater", "resnet9"], "'--generator'?"),
        (["--dry-run", "--resume", "runs/x"], "runs/x/config.yaml"),
    ],
)
def test_wrong_usage_exits_2_before_anything_starts(engine, arguments, message):
    result = CliRunner().invoke(main, ["run", *arguments])

    assert result.exit_code == 2
    assert message in result.stderr
    assert engine.calls == []


def test_dry_run_prints_the_resolved_configuration(engine):
    arguments = ["--dry-run", "--generator", "resnet6", "--set", "generator.base_channels=12", "--out", "unused"]
    result = CliRunner().invoke(main, ["run", *arguments])

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("# ")
    config = yaml.safe_load(result.stdout)
    assert config["generator"]["name"] == "resnet6"
    assert config["generator"]["base_channels"] == 12
    assert engine.calls == []


def test_dry_run_is_fit_for_config(tmp_path):
    first = CliRunner().invoke(main, ["run", "--dry-run", "--loss", "hinge", "--discriminator", "pixel"])
    (tmp_path / "settings.yaml").write_text(first.stdout)
    again = CliRunner().invoke(main, ["run", "--dry-run", "--config", str(tmp_path / "settings.yaml")])

    assert again.stdout == first.stdout


def test_dry_run_names_every_wrong_setting():
    result = CliRunner().invoke(
        main, ["run", "--dry-run", "--generator", "resnet", "--set", "generator.base_chanels=1"]
    )

    assert result.exit_code == 2
    assert "generator.base_chanels" in result.stderr
    assert "did you mean 'base_channels'?" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--method", "cut", "--set", "data.channels_B=1"], "A and B must have as many channels; got 3 and 1"),
        (["--method", "cut", "--set", "method.taps=nosuch"], "method.taps must be among the taps"),
        (
            ["--augment", "diffaugment", "--set", "augmentations.diffaugment.adapt=true", "--loss", "wgan-gp"],
            "loss wgan-gp gives their logits no middle",
        ),
        (
            ["--observer", "early-stopping", "--set", "observers.early-stopping.metric=fid"],
            "must be what this run measures",
        ),
        (["--method", "cut", "--set", "training.best=cycle_l1"], "training.best=cycle_l1 needs generators of both"),
    ],
)
def test_dry_run_refuses_what_building_refuses(tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "small")
    small = ["--generator", "resnet6", "--set", "generator.base_channels=4", "--set", "discriminator.base_channels=4"]
    result = CliRunner().invoke(main, ["run", "--dry-run", "--data", "small", *small, *arguments])
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    assert told in " ".join(result.stderr.split())


def test_dry_run_looks_at_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["run", "--dry-run", "--data", "nosuch"])
    assert result.exit_code == 1
    assert "nosuch" in result.stderr
    assert result.stdout == ""

    for folder in ("trainA", "trainB"):
        (tmp_path / "small" / folder).mkdir(parents=True)
        Image.new("RGB", (100, 100)).save(tmp_path / "small" / folder / "1.png")
    result = CliRunner().invoke(main, ["run", "--dry-run", "--data", "small"])
    assert result.exit_code == 0, result.stderr
    assert "image_size: 256" in result.stdout
    assert "data: 2 of 2 images are smaller than the crops of 256 (image_size) and are enlarged" in result.stderr

    arguments = ["run", "--dry-run", "--data", "small", "--image-size", "128", "--generator", "unet256"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "multiples of 256; images come out at 128x128" in result.stderr
    assert "use --image-size 256, or --generator unet128, which takes them" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_held_out_numbers_without_a_baseline_or_truth_are_shown(engine):
    metrics = {"AtoB": {"l1": 18.0, "psnr": 17.5, "images": 2}, "BtoA": {"cycle_l1": 9.0}}
    engine.result = Result(metrics=metrics, held_out_by="the names in test.txt")

    stdout = CliRunner().invoke(main, ["run"]).stdout

    assert "held out AtoB: L1 18.00, PSNR 17.50 dB\n" in stdout
    assert "held out BtoA: Cycle L1 9.00\n" in stdout
    assert "held out by the names in test.txt\n" in stdout


def test_the_end_of_a_run_as_json(engine):
    engine.result = RunResult(
        folder=Path("runs/x"),
        step=7,
        finished=False,
        resume_command="i2i run --resume runs/x",
        picture=Path("runs/x/picture.png"),
        page=Path("runs/x/index.html"),
        metrics={"AtoB": {"l1": 0.0, "psnr": float("inf")}},
        held_out_by="the folders testA and testB",
        names={"A": "satellite", "B": "relief"},
    )

    result = CliRunner().invoke(main, ["run", "--json"])

    assert result.exit_code == 130
    assert json.loads(result.stdout) == {
        "folder": "runs/x",
        "step": 7,
        "finished": False,
        "resume_command": "i2i run --resume runs/x",
        "picture": "runs/x/picture.png",
        "page": "runs/x/index.html",
        "held_out_by": "the folders testA and testB",
        "names": {"A": "satellite", "B": "relief"},
        "metrics": {"AtoB": {"l1": 0.0, "psnr": None}},
    }


def test_the_configuration_as_json():
    shown = json.loads(CliRunner().invoke(main, ["run", "--dry-run", "--json", "--seed", "3"]).stdout)

    assert shown["training"]["seed"] == 3


@pytest.mark.parametrize(
    ("option", "setting"),
    [
        ("--patience", "observers.early-stopping.patience"),
        ("--weight_decay_of_nothing", None),
        ("--project", "observers.wandb.project"),
    ],
)
def test_an_option_of_a_component_is_answered_with_the_setting_that_works(option, setting):
    result = CliRunner().invoke(main, ["run", option, "3"])

    assert result.exit_code == 2
    assert (f"--set {setting}=VALUE" in result.stderr) is (setting is not None)


def test_files_that_are_left_out_stand_on_lines_of_their_own(tmp_path):
    write_images(tmp_path / "photos")
    (tmp_path / "photos" / "trainA" / "broken.png").write_bytes(b"")
    result = CliRunner().invoke(main, ["run", "--data", str(tmp_path / "photos"), "--skip-bad", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "data: 1 file cannot be used, and left out:\n  " in result.stderr
