"""The commands and the Python code in the README and the pages work, and the numbers on methods are the specs'."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import i2i
from i2i.builtin.methods import CycleGANOptions, Pix2PixOptions
from i2i.builtin.optimizers import AdamOptions
from i2i.cli.main import main
from i2i.plugins.manager import PluginManager
from i2i.training.schedule import DEFAULT_DECAY_EPOCHS, DEFAULT_FLAT_EPOCHS

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")]
)
ELSEWHERE = ("command-line.md", "writing-a-plugin.md", "one-file-plugin.md")
"""Help texts, and pages whose commands need their own plugin: a test of the name of each runs them."""
INVENTED = {"mine"}
"""Names that stand for a reader's own component: such a command is only checked for its options and arguments."""
RUNS_AT_ONCE = {("plugins", "list"), ("plugins", "show")}
"""Commands that are run; the others read a reader's files, write or take long, and are checked like invented names."""
NOT_RUN = re.compile(r"photo|runs/|import openvino|: \.\.\.")
"""What tells a block that reads a reader's files, wants a package of their choice, or shows a signature alone; it is
only compiled."""


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for block in re.findall(rf"```{language}[^\n]*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            yield page, block


def commands() -> Iterator[Any]:
    """Every ``i2i`` command of a page but ``i2i run``, which test_pages.py resolves, as its words."""
    for page, block in blocks("bash"):
        for line in block.replace("\\\n", " ").splitlines():
            match = re.match(r"(?:scripts/)?i2i (?!run\b)(.*)", line.strip())
            if match and page.name not in ELSEWHERE:
                words = shlex.split(match[1], comments=True)
                yield pytest.param(words, id=f"{page.relative_to(ROOT)}: {shlex.join(words)}")


def python_blocks() -> Iterator[Any]:
    for number, (page, block) in enumerate(blocks("python")):
        if page.name not in ELSEWHERE:
            yield pytest.param(block, id=f"{page.relative_to(ROOT)} {number}")


def parse(words: list[str]) -> tuple[str, ...]:
    """Let click judge names of commands, options and numbers of arguments, without running anything."""
    command: click.Command = main
    path: list[str] = []
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"there is no command {' '.join([*path, words[0]])}"
        command, path, words = found, [*path, words[0]], words[1:]
    if words != ["--help"]:
        command.make_context(" ".join(path), list(words))
    return tuple(path)


@pytest.mark.parametrize("words", list(commands()))
def test_every_shown_command_is_accepted(words: list[str]) -> None:
    path = parse(words)
    if path in RUNS_AT_ONCE and not INVENTED & set(words):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
    if path == ("plugins", "check") and not INVENTED & set(words):
        manager = PluginManager({})
        names = {found.plugin.package for found in manager.components()}
        assert set(words[2:]) <= names | {found.spec.name for found in manager.components()}


def test_a_wrong_command_is_noticed() -> None:
    for wrong in ("plugins lst", "plugins show generator", "plugins list --knd loss", "translate run"):
        with pytest.raises((AssertionError, click.UsageError)):
            parse(wrong.split())


@pytest.mark.parametrize("block", list(python_blocks()))
def test_every_python_block_is_python_and_calls_what_there_is(block: str, tmp_path: Path, monkeypatch: Any) -> None:
    tree = ast.parse(block)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("i2i."):
            function = getattr(i2i, ast.unparse(node.func).removeprefix("i2i."))
            arguments = {keyword.arg: None for keyword in node.keywords if keyword.arg is not None}
            inspect.signature(function).bind(*node.args, **arguments)
    if not NOT_RUN.search(block):
        monkeypatch.chdir(tmp_path)
        exec(compile(tree, "block", "exec"), {"__name__": "block"})


def test_the_page_on_methods_has_the_defaults_of_the_specs() -> None:
    page = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    cyclegan, pix2pix, adam = CycleGANOptions(), Pix2PixOptions(), AdamOptions()
    assert f"`lambda_A` {cyclegan.lambda_A:g}, `lambda_B` {cyclegan.lambda_B:g} |" in page
    assert f"`lambda_identity` {cyclegan.lambda_identity:g} of" in page
    assert f"`lambda_paired` {cyclegan.lambda_paired:g} |" in page
    assert f"`lambda_L1` ({pix2pix.lambda_L1:g}) times" in page
    rate = re.search(r"learning rate (\S+) and betas (\S+), (\S+); batch", page)
    assert rate is not None
    assert [float(value) for value in rate.groups()] == [adam.learning_rate, adam.beta1, adam.beta2]
    replay = PluginManager({}).find("buffer", "replay").spec.options()
    assert f"from the replay buffer of {replay.size})" in page
    assert f"with {DEFAULT_FLAT_EPOCHS} + {DEFAULT_DECAY_EPOCHS}," in page
