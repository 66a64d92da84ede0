"""The tutorial is true: its package installs, its commands run, its examples keep their contracts."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner
from PIL import Image

from i2i import testing
from i2i.plugins.component_options import describe_options
from i2i.plugins.hookspecs import HOOKS
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import DatasetSpec, Spec

from ..helpers.forking import run_forked

pytestmark = pytest.mark.slow  # it installs the package of the page

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

PAGE = Path(__file__).parents[2] / "docs" / "writing-a-plugin.md"
TEXT = PAGE.read_text(encoding="utf-8")
FILES = dict(re.findall(r'^```\w+ title="(.+?)"\n(.*?)^```$', TEXT, re.MULTILINE | re.DOTALL))
COMMANDS = [
    line for block in re.findall(r"^```bash\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]
EXAMPLES = {
    "squared_hinge.py": testing.check_loss,
    "log_cosh.py": testing.check_loss,
    "small_patch.py": testing.check_discriminator,
    "delayed.py": testing.check_buffer,
    "edge_error.py": testing.check_metric,
    "l1_gan.py": testing.check_method,
    "denoise.py": testing.check_dataset,
    "lion.py": testing.check_optimizer,
    "too_slow.py": testing.check_observer,
    "fading.py": testing.check_augmentation,
    "beside.py": testing.check_command,
    "netpbm.py": testing.check_reader,
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tutorial's package, installed as pip does it: the module and its metadata beside each other."""
    root = tmp_path_factory.mktemp("i2i-dilated")
    for name in (
        "pyproject.toml",
        "src/i2i_dilated/__init__.py",
        "src/i2i_dilated/plugin.py",
        "src/i2i_dilated/network.py",
        "tests/test_dilated.py",
        "use.py",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(FILES[name], encoding="utf-8")
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    install_metadata(root / "src", project)
    return root


def install_metadata(site: Path, project: Mapping[str, object]) -> None:
    name, version, entry_points = project["name"], project["version"], project["entry-points"]
    assert isinstance(entry_points, dict)
    info = site / f"{str(name).replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    needs = "".join(f"Requires-Dist: {needed}\n" for needed in project["dependencies"])
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
    lines = [
        f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in entries.items()) for group, entries in entry_points.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))


def environment(package: Path, **variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(package / "src"), "OMP_NUM_THREADS": "2", **variables}


def run(package: Path, words: Sequence[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """``python ...`` where the package is installed."""
    return run_forked(words, cwd=package, env=environment(package, **variables))


def i2i(package: Path, arguments: Iterable[str], **variables: str) -> subprocess.CompletedProcess[str]:
    return run(package, ["-m", "i2i", *arguments], **variables)


def run_i2i(package: Path, command: str, *more: str) -> str:
    """Run a command line of the page, with its environment variables, and return all that it printed."""
    words = shlex.split(command)
    variables = dict(word.split("=", 1) for word in words[: words.index("i2i")])
    done = i2i(package, [*words[words.index("i2i") + 1 :], *more], **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def load_example(name: str, folder: Path) -> ModuleType:
    path = folder / name
    path.write_text(FILES[name], encoding="utf-8")
    specification = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module
    specification.loader.exec_module(module)
    return module


def specs_of(module: ModuleType) -> list[Spec]:
    return [spec for hook in HOOKS if hasattr(module, hook) for spec in getattr(module, hook)()]


def test_the_tests_of_the_tutorial_pass(package: Path) -> None:
    done = run(package, ["-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "tests"])
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_component_can_be_built_from_python(package: Path) -> None:
    done = run(package, ["use.py"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "torch.Size([1, 3, 48, 40])"


@pytest.mark.parametrize("command", [line for line in COMMANDS if "i2i plugins" in line])
def test_each_plugins_command_runs_and_knows_the_component(package: Path, command: str) -> None:
    printed = run_i2i(package, command)
    assert "dilated" in printed
    if "I2I_TRACE_PLUGINS" in command:
        assert "i2i plugins: " in printed
    if "show" in command:
        assert "depth" in printed


TRAINING = [line for line in COMMANDS if line.startswith("i2i run")]


@pytest.mark.parametrize("command", TRAINING)
def test_each_training_command_is_accepted(package: Path, command: str) -> None:
    assert "name: dilated" in run_i2i(package, command, *([] if "--dry-run" in command else ["--dry-run"]))


@pytest.mark.parametrize("command", [line for line in TRAINING if "--dry-run" not in line])
def test_each_training_command_trains(package: Path, tmp_path: Path, command: str) -> None:
    short = re.sub(r"--steps \d+", "--steps 2", command)
    assert short != command
    quick = {"generator.base_channels": 4, "discriminator.base_channels": 4, "training.sample_images": 1}
    more = [f"--set={name}={value}" for name, value in quick.items() if f"{name}=" not in short]
    run_i2i(package, short, "--out", str(tmp_path / "run"), *more)
    assert "name: dilated" in (tmp_path / "run" / "config.yaml").read_text()


def test_a_mistyped_option_is_answered_with_the_right_one(package: Path) -> None:
    done = i2i(package, ["run", "--generator", "dilated", "--set", "generator.dept=5", "--dry-run"])
    assert done.returncode == 2
    assert "did you mean 'depth'?" in done.stderr


def test_disabling_the_plugin_as_the_page_says_hides_it(package: Path) -> None:
    (command,) = re.findall(r"`(I2I_DISABLE_PLUGINS=dilated .+?)`", TEXT)
    assert "Chen et al. 2017" not in run_i2i(package, command)
    assert "Chen et al. 2017" in run_i2i(package, command.split(" ", 1)[1])


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_keeps_its_contract(name: str, tmp_path: Path) -> None:
    for spec in specs_of(load_example(name, tmp_path)):
        if isinstance(spec, DatasetSpec):
            for number in range(12):
                Image.new("RGB", (20, 30), (number * 20, 0, 255)).save(tmp_path / f"{number:02d}.png")
            EXAMPLES[name](spec, tmp_path)
        else:
            EXAMPLES[name](spec)
        assert f"`{EXAMPLES[name].__name__}(spec" in TEXT


def test_the_data_set_splits_its_pictures_and_refuses_an_empty_folder(tmp_path: Path) -> None:
    from i2i.errors import DataError

    (spec,) = specs_of(load_example("denoise.py", tmp_path))
    with pytest.raises(DataError, match="at least two PNG files"):
        spec.build(spec.options(), root=str(tmp_path), split="train", seed=0)
    for number in range(11):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number:02d}.png")
    sizes = [len(spec.build(spec.options(), root=str(tmp_path), split=split, seed=0)) for split in ("train", "test")]
    assert sizes == [9, 2]


def test_the_command_draws_both_pictures(tmp_path: Path) -> None:
    (spec,) = specs_of(load_example("beside.py", tmp_path))
    Image.new("RGB", (20, 30)).save(tmp_path / "a.png")
    words = ["sample:flat-3d", str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png")]
    result = CliRunner().invoke(spec.build(spec.options()), words, obj=PluginManager({}))
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "b.png") as sheet:
        assert sheet.size == (40, 30)


def test_every_example_on_the_page_is_tested() -> None:
    in_package = {"pyproject.toml", "tests/test_dilated.py", "use.py"}
    assert {name for name in FILES if name not in in_package and not name.startswith("src/")} == set(EXAMPLES)
    blocks = re.findall(r"^```(\w+.*)$", TEXT, re.MULTILINE)
    assert {block for block in blocks if "title=" not in block} == {"bash", "text"}


def test_the_options_named_in_the_text_exist(tmp_path: Path) -> None:
    for section, option in re.findall(r"--set (loss|pixel_loss)\.(\w+)=", TEXT):
        name = {"loss": "squared_hinge.py", "pixel_loss": "log_cosh.py"}[section]
        (spec,) = specs_of(load_example(name, tmp_path))
        assert option in [field.name for field in describe_options(spec.options)]


def test_all_that_the_code_of_the_page_uses_is_promised_to_stay() -> None:
    (promise,) = re.findall(r"^\*\*What stays stable.*?(?=\n\n)", TEXT, re.MULTILINE | re.DOTALL)
    code = "\n".join(FILES.values())
    for module, names in re.findall(r"^from (i2i(?:\.\w+)*) import (.+)$", code, re.MULTILINE):
        assert f"`{module}`" in promise, module
        if module == "i2i.plugins.manager":
            assert names == "PluginManager"
    assert set(re.findall(r"\bi2i\.(\w+)\(", code)) <= set(re.findall(r"`(\w+)`", promise))
    assert set(re.findall(r"\bPluginManager\(.*?\)\.(\w+)", code)) <= set(re.findall(r"`(\w+)`", promise))


def test_log_cosh_is_its_formula_and_its_scale_that_of_l1(tmp_path: Path) -> None:
    import torch

    (spec,) = specs_of(load_example("log_cosh.py", tmp_path))
    for sharpness in (1, 10, 20):
        loss = spec.build(spec.options(sharpness=sharpness))
        for difference in (1e-6, 1e-3, 0.1, 1.0, 2.0):
            image, target = torch.full((2, 3, 4, 5), difference), torch.zeros(2, 3, 4, 5)
            exact = (torch.tensor(difference * sharpness, dtype=torch.float64).cosh().log() / sharpness).item()
            assert loss(image, target).item() == pytest.approx(exact, rel=2e-5 if difference > 1e-4 else 1e-3)
    assert spec.build(spec.options())(torch.ones(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)).item() == pytest.approx(
        1, abs=0.1
    )
    with pytest.raises(ValueError, match="two images of one shape"):
        loss(torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 8))


def test_the_modules_that_are_loaded_import_no_torch(package: Path, tmp_path: Path) -> None:
    for name in EXAMPLES:
        (package / "src" / name).write_text(FILES[name], encoding="utf-8")
    names = ", ".join(["i2i_dilated.plugin", *(Path(name).stem for name in EXAMPLES)])
    code = f"import sys, {names}; sys.exit('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=package, env=environment(package), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("ruff", path=str(Path(sys.executable).parent)) is None, reason="ruff is not installed")
def test_the_code_keeps_the_style_of_the_project(tmp_path: Path) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    settings = PAGE.parents[1] / "pyproject.toml"
    for arguments in (["check", "--config", "src=['src']"], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *arguments, "--no-cache", "--config", settings, "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_links_to_this_repository_lead_somewhere() -> None:
    for page in ("writing-a-plugin.md", "hooks.md"):
        prose = re.sub(
            r"^```.*?^```$", "", (PAGE.parent / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
        )
        for target in re.findall(r"\]\((?!https?:)([^)#]*)", prose):
            assert (PAGE.parent / target).exists(), f"{page}: {target}"
