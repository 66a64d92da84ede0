"""Names from outside reach neither terminal nor log as a command."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import i2i
from i2i.cli import output
from i2i.cli.main import main
from i2i.cli.output import new_table, print_json, print_table, say

from ..helpers.forking import PYTORCH, run_forked

EVIL = "a\x1b[31mred\x07 \u202egnp \x9b2J\r:smile:[bold]"
SHOWN = r"a\x1b[31mred\x07 \u202egnp \x9b2J\r:smile:[bold]"


def controls(text):
    return [char for char in text if char != "\n" and not char.isprintable() and char != " "]


def test_all_commands_speak_through_one_place():
    for path in Path(output.__file__).parent.rglob("*.py"):
        if path.name == "output.py":
            continue
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        called = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
        assert not called & {"click.echo", "click.secho", "print", "echo"}, f"{path}: use i2i.cli.output.say"


def test_a_line_stays_a_line(capsys):
    say(f"{EVIL}\nError: forged")
    say("first\nsecond", err=True, lines=True)
    captured = capsys.readouterr()
    assert captured.out == f"{SHOWN}\\nError: forged\n"
    assert captured.err == "first\nsecond\n"


def test_tables_hold_no_markup(capsys):
    table = new_table("Name", EVIL)
    table.add_row(EVIL, "[red]x[/red]")
    print_table(table)
    out = capsys.readouterr().out
    assert out.splitlines()[1].split("  ") == [SHOWN, "[red]x[/red]"]
    assert not controls(out)


def test_json_stays_json(capsys):
    value = {"name": EVIL, "bytes": os.fsdecode(b"\xff"), "日本": "é\n"}
    print_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert not controls(out)
    assert "日本" in out


@pytest.mark.parametrize(
    "arguments",
    [
        [EVIL],
        [f"--{EVIL}"],
        ["run", f"--{EVIL}"],
        ["run", "--steps", EVIL],
        ["run", "--data", EVIL, "--steps", "1", "--device", "cpu"],
        ["run", "--config", EVIL],
        ["run", "--set", f"{EVIL}=1", "--dry-run"],
        ["translate", EVIL, "x.png", "-o", "out"],
        ["translate", "sample:flat-3d", EVIL, "-o", "out"],
        ["translate", "sample:flat-3d", "x.png", "-o", f"{EVIL}.gif"],
        ["evaluate", EVIL],
        ["plugins", "show", "method", EVIL],
        ["convert", EVIL, "-o", "out"],
    ],
    ids=lambda arguments: " ".join(arguments).replace(EVIL, "EVIL"),
)
def test_arguments_in_messages(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    Path("x.png").write_bytes(b"")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code in (1, 2), result.output
    assert r"\x1b[31mred\x07" in result.stderr
    assert not controls(result.stderr + result.stdout)


def test_a_name_that_the_system_refuses_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.png").write_bytes(b"")
    for arguments in (["translate", "x" * 5000, "a.png", "-o", "out"], ["run", "--config", "x" * 300]):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code in (1, 2)
        assert "File name too long" in result.stderr
        assert "Traceback" not in result.output


@pytest.mark.skipif(sys.platform == "win32", reason="names of control characters")
def test_files_in_every_line_of_a_translation(tmp_path):
    from PIL import Image

    folder = tmp_path / "in"
    folder.mkdir()
    name = "\x1b[2Jgood\nFailed: forged"
    Image.new("RGBA", (16, 16)).save(folder / f"{name}.png")
    (folder / os.fsdecode(b"bad\xff\x9b.png")).write_bytes(b"no picture")
    (folder / "\x07.txt").write_bytes(b"")
    (folder / "\x1b]0;title\x07@eaDir").mkdir()
    words = ["translate", "sample:flat-3d", folder, "-o", tmp_path / "out\x1bc", "--device", "cpu"]
    done = run_forked(["-m", "i2i", *words], modules=PYTORCH, cwd=tmp_path)
    text = done.stdout + done.stderr
    assert done.returncode == 1, text
    assert not controls(text)
    assert [line for line in text.splitlines() if line.startswith("Failed: ")] == [
        line for line in text.splitlines() if "bad" in line
    ]
    assert len(list((tmp_path / "out\x1bc").iterdir())) == 1


def test_a_model_s_own_description(tmp_path):
    from PIL import Image

    i2i.convert("sample:flat-3d", tmp_path / "model", domains=(f"{EVIL}\nError: forged", "b"))
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    result = CliRunner().invoke(
        main, ["translate", str(tmp_path / "model"), str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png")]
    )
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith(SHOWN)
    assert not controls(result.stderr + result.stdout)
    assert "\nError" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        "run --dry-run",
        "translate sample:flat-3d a.png -o b.png --device cpu",
        "convert sample:flat-3d -o folder",
        "evaluate sample:flat-3d --device cpu --data nowhere",
        "export nowhere --format torch",
        "doctor",
        "data check nowhere",
        "plugins show loss hinge",
        "plugins check loss hinge",
    ],
)
def test_a_command_loads_plugins_once(tmp_path, monkeypatch, arguments):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (16, 16)).save("a.png")
    traced = {"I2I_TRACE_PLUGINS": "1"}

    result = CliRunner().invoke(main, arguments.split(), env=traced)

    assert result.exit_code == (1 if "nowhere" in arguments else 0), result.output
    assert result.stderr.count("i2i plugins: loading builtin") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_behind_what_is_said(tmp_path):
    from PIL import Image

    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    command = [sys.executable, "-m", "i2i", "translate", "sample:flat-3d", tmp_path / "a.png", "--device", "cpu", "-o"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*command, tmp_path / "unheard"], stdout=subprocess.PIPE, stderr=full, check=False)
        assert b"1 of 1 images translated" in done.stdout
        assert done.returncode in (0, 120), "Python's own, where it cannot write the rest at its end"
        assert (tmp_path / "unheard" / "a.png").exists()
        done = subprocess.run([*command, tmp_path / "other"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(b"Error: standard output cannot be written: ")
    assert b"Traceback" not in done.stderr
