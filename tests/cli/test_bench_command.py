"""``i2i bench`` as a person types it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from i2i.benchmarking import cases
from i2i.cli.main import main

from ..benchmarking import small

COMMON = ["--quick", "--repeat", "1", "--threads", "1"]


@pytest.fixture
def with_cases(monkeypatch):
    """A function that replaces the cases that take seconds by others."""

    def use(*chosen):
        monkeypatch.setattr(cases, "CASES", chosen)

    return use


def bench(*arguments):
    common = COMMON[:-2] if "--threads" in arguments else COMMON
    return CliRunner().invoke(main, ["bench", *common, *map(str, arguments)])


@pytest.mark.slow
def test_small_run_prints_tables_and_writes_files(with_cases, tmp_path):
    with_cases(small.BLOCK, small.MEMORY)

    result = bench("--report", tmp_path / "bench.json", "--plot", tmp_path / "bench.png")

    assert result.exit_code == 0, result.output
    assert "Residual block, 1x16x12x10" in result.stdout
    assert "eager" in result.stdout
    assert "[1/2] small-block" in result.stderr
    assert len(json.loads((tmp_path / "bench.json").read_text())["timed"][0]["results"]) > 1
    assert (tmp_path / "bench.png").stat().st_size > 1000


def test_wrong_results_exit_with_one_and_show_no_times(with_cases, tmp_path):
    with_cases(small.case_of(small.doubling("eager"), small.doubling("fused", 3.0)))

    result = bench("--plot", tmp_path / "bench.png")

    assert result.exit_code == 1
    assert "Failed: made-up: fused: the relative error of the output must be at most 1e-06; got 0.5" in result.stderr
    assert "1.00 x" not in result.stdout
    assert "was not drawn" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--case", "small-memory", "--case", "small-a*"],
        ["--cases", "small-memory, small-a*"],
        ["--cases=small-memory,small-a*"],
    ],
)
def test_cases_are_chosen(with_cases, words):
    with_cases(small.BLOCK, small.ACT, small.MEMORY)

    result = bench(*words)

    assert "[1/2] small-act" in result.stderr
    assert "[2/2] small-memory" in result.stderr
    assert ("is now --case NAME" in result.stderr) == (words[0] != "--case")


def test_files_that_exist_are_replaced_only_when_that_is_said(with_cases, tmp_path):
    with_cases(small.MEMORY)
    file = tmp_path / "bench.json"
    file.write_text("kept")

    refused = bench("--report", file)
    assert refused.exit_code == 2
    assert f"--report {file} exists; name another file, or replace it with --force" in refused.stderr
    assert file.read_text() == "kept"
    assert bench("--report", file, "--force").exit_code == 0
    assert json.loads(file.read_text())["memory"]


@pytest.mark.parametrize("words", [["--json", "FILE"], ["--json=FILE"]])
def test_a_file_after_json_is_the_report_as_it_once_was(with_cases, tmp_path, words):
    with_cases(small.MEMORY)
    file = tmp_path / "bench.json"
    file.write_text("replaced as ever")

    result = bench(*(word.replace("FILE", str(file)) for word in words))

    assert result.exit_code == 0, result.output
    assert "Note: --json FILE is now --report FILE" in result.stderr
    assert json.loads(file.read_text())["memory"]


def test_json_is_all_of_standard_output(with_cases):
    with_cases(small.MEMORY)

    result = bench("--json")

    assert json.loads(result.stdout)["memory"][0]["name"] == "small-memory"
    assert "[1/1] small-memory" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--case", "nothing"], "there is no case 'nothing'"),
        (["--device", "tpu"], "--device must be"),
        (["--report", "no/such/folder/a.json"], "does not exist; make it first"),
        (["--plot", "bench.svg"], "--plot must end in .png; got bench.svg"),
        (["--threads", "0"], "0 is not in the range"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_refused_before_anything_runs(arguments, words, with_cases):
    with_cases(small.BLOCK)

    result = bench(*arguments)

    assert result.exit_code == 2
    assert words in result.stderr
    assert "[1/" not in result.stderr


def test_help_lists_every_option():
    result = CliRunner().invoke(main, ["bench", "--help"])

    assert result.exit_code == 0
    for option in ("--quick", "--case", "--device", "--threads", "--repeat", "--report", "--json", "--plot", "--force"):
        assert option in result.output
