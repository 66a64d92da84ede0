"""The README and the pages under docs/ say what is true."""

import importlib.util
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from i2i.api import training
from i2i.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")]
)
GENERATED = ("options.md", "command-line.md", "python.md", "results.md", "bench.md", "cuda.md", "../CONTRIBUTING.md")
TUTORIAL = "writing-a-plugin.md"  # its commands need its package: test_writing_a_plugin.py runs them


def generator():
    specification = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def run_commands():
    """Every `i2i run` command that a page shows, as its words after `run`."""
    for page in PAGES:
        if page.name in (*GENERATED, TUTORIAL):
            continue
        for block in re.findall(r"```bash[^\n]*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if match := re.match(r"(?:scripts/|.*-m )?i2i run\b(.*)", line.strip()):
                    name = f"{page.relative_to(ROOT)}: {match[1].strip()}"
                    yield pytest.param(shlex.split(match[1].split(">")[0], comments=True), id=name)


@pytest.mark.parametrize("name", GENERATED)
def test_generated_page_is_up_to_date(name):
    made = generator().PAGES[name]()

    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == made, "run: python docs/generate.py"


@pytest.mark.parametrize("words", list(run_commands()))
def test_every_shown_run_command_is_accepted(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("generator: {name: resnet6}\n", encoding="utf-8")
    if "--resume" in words:
        place = words.index("--resume") + 1
        words = [*words[:place], str(tmp_path / "no-such-run"), *words[place + 1 :]]
        result = CliRunner().invoke(main, ["run", *words])
        assert "config.yaml is missing" in result.output  # it got as far as looking for the run
    else:
        shipped = "sample:flat-3d"  # in place of models that the readers have
        words = [shipped if before == "--init-from" else word for before, word in pairwise(["", *words])]
        monkeypatch.setattr(training, "check_run", lambda *given: [])  # the images of the pages are the readers' own
        result = CliRunner().invoke(main, ["run", *words, "--dry-run"])
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"", text):
        path = target[0] or target[1]
        if "://" not in path:
            assert (page.parent / path).exists(), f"{page.name} links to {path}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_named_source_file_is_there(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = re.findall(r"`((?:[\w-]+/)+[\w.-]+\.(?:py|cpp|cu|h|cuh|sh))`", text)

    places = (ROOT, ROOT / "i2i", ROOT / "tests", ROOT / "csrc", ROOT / "docs", page.parent)
    assert [path for path in named if not any((place / path).is_file() for place in places)] == []
