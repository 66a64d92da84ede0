"""``i2i translate``: what a person types, sees and gets."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import i2i
from i2i import terminal
from i2i.cli.main import main
from i2i.cli.translate_command import translate as command

from ..helpers.images import write_noise
from ..helpers.trained import write_sample_run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The run folder of a tiny CycleGAN on the built-in sample."""
    return str(write_sample_run(tmp_path_factory.mktemp("model") / "a run"))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    return CliRunner().invoke(main, ["translate", *map(str, words)])


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_a_folder(model):
    for name in ("in/a.png", "in/sub folder/b c.jpg", "in/d.webp"):
        write_noise(name, (20, 30))
    Path("in/notes.txt").write_text("")
    result = run(model, "in", "-o", "out", "--device", "cpu", "--batch-size", "2", "--workers", "2")

    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"3 of 3 images translated to out \(\d+\.\d images/s\)\.\n", result.stdout)
    assert "1 file is ignored, for the suffix is not that of an image, such as in/notes.txt" in result.stderr
    taken = f"{model}/checkpoints/step-00000001 (the latest, and the best by the held-out score)"
    assert f"flat to 3d: resnet, step 1 of {taken}, on cpu" in result.stderr
    assert sorted(str(path) for path in Path("out").rglob("*.*")) == [
        "out/a.png",
        "out/d.webp",
        "out/sub folder/b c.jpg",
    ]
    expected = np.asarray(i2i.load(model, device="cpu")("in/a.png"))
    assert np.abs(pixels("out/a.png").astype(int) - expected).max() <= 1


def test_the_way_back_and_other_options(model):
    write_noise("a.png")
    options = ["--direction", "BtoA", "--checkpoint", "step-1", "--precision", "bf16", "--inference", "paper"]
    result = run(model, "a.png", "-o", "new/b.jpg", "--device", "cpu", *options)

    assert result.exit_code == 0, result.output
    assert "3d to flat" in result.stderr
    translator = i2i.load(model, direction="BtoA", device="cpu", precision="bf16", inference="paper")
    expected = np.asarray(translator("a.png")).astype(int)
    assert np.abs(pixels("new/b.jpg") - expected).mean() < 8, "but for JPEG's loss"


def test_a_quoted_pattern_and_another_format(model):
    write_noise("in/a.png")
    write_noise("in/deep/b.png")
    result = run(model, "in/**/*.png", "-o", "out", "--format", "jpeg", "--device", "cpu")

    assert result.exit_code == 0, result.output
    assert sorted(str(path) for path in Path("out").rglob("*.jpg")) == ["out/a.jpg", "out/deep/b.jpg"]


def test_a_bad_file_is_named_and_counted_and_the_rest_goes_on(model):
    for name in ("a", "b", "c"):
        write_noise(f"in/{name}.png")
    Path("in/b.png").write_bytes(b"nonsense")
    result = run(model, "in", "-o", "out", "--device", "cpu")

    assert result.exit_code == 1
    assert "Failed: in/b.png: not an image, or its header is damaged" in result.stderr
    assert result.stdout.startswith("2 of 3 images translated to out (")
    assert result.stdout.endswith("1 could not be translated: they are named above.\n")
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.png"]


def test_nothing_is_overwritten_without_force(model):
    write_noise("in/a.png")
    write_noise("in/b.png", seed=1)
    write_noise("out/b.png", seed=2)
    before = Path("out/b.png").read_bytes()
    result = run(model, "in", "-o", "out", "--device", "cpu")

    assert result.exit_code == 1
    assert "1 outputs exist already:\n  out/b.png\n" in result.stderr
    assert "Nothing was translated." in result.stderr
    assert Path("out/b.png").read_bytes() == before
    assert not Path("out/a.png").exists()
    assert run(model, "in", "-o", "out", "--device", "cpu", "--force").exit_code == 0
    assert Path("out/b.png").read_bytes() != before


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["MODEL", "a.png"], 2, "Missing option '-o' / '--out'"),
        (["MODEL", "-o", "out"], 2, "Missing argument 'INPUT...'"),
        (["MODEL", "no.png", "-o", "out"], 1, "there is no such file or folder:\n  no.png\nNothing was translated."),
        (["no-run", "a.png", "-o", "out"], 1, "no-run is not a trained model (there is no such file or folder)"),
        (["MODEL", "a.png", "b.png", "-o", "c.png"], 2, "-o c.png names a file, but a.png, b.png may be many images"),
        (["MODEL", "a.png", "-o", "out", "--format", "gif"], 2, "format must be one of bmp, "),
        (["MODEL", "a.png", "-o", "out", "--batch-size", "0"], 2, "0 is not in the range x>=1"),
        (["MODEL", "a.png", "-o", "out", "--device", "cuda:77"], 2, "--device cuda:77"),
        (["MODEL", "a.png", "-o", "out", "--checkpoint", "step-9"], 1, "no checkpoint step-9; it has step-1"),
        (["MODEL", "a.png", "-o", "out", "--max-pixels", "9"], 1, "16 x 16 pixels, more than max_pixels = 9"),
    ],
)
def test_what_is_wrong_is_said(model, words, exit_code, message):
    write_noise("a.png")
    write_noise("b.png")
    result = run(*(model if word == "MODEL" else word for word in words))

    assert result.exit_code == exit_code, result.output
    assert message in result.stderr
    assert not Path("out").exists()


def test_ctrl_c_ends_with_whole_files(model, monkeypatch):
    def interrupted(translator, jobs, **options):

        yield jobs[0].done()
        raise KeyboardInterrupt

    monkeypatch.setattr("i2i.translation.image_files.translate_files", interrupted)
    write_noise("in/a.png")
    write_noise("in/b.png")
    result = run(model, "in", "-o", "out", "--device", "cpu")

    assert result.exit_code == 130
    assert "Interrupted. 1 of 2 images translated to out" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_real_process_with_whole_files(model, here, ending):
    for number in range(600):
        write_noise(f"in/{number:03}.png", (64, 64), seed=number)
    process = subprocess.Popen(
        [sys.executable, "-m", "i2i", "translate", model, "in", "-o", "out", "--device", "cpu"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    until = time.monotonic() + 60
    while not (Path("out").exists() and len(list(Path("out").glob("*.png"))) > 3):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.005)
    process.send_signal(ending)
    stderr = process.communicate(timeout=60)[1]

    assert process.returncode == 130, stderr
    assert "Interrupted. " in stderr
    assert "Traceback" not in stderr
    assert 3 < len(list(Path("out").iterdir())) < 600
    for path in Path("out").iterdir():
        assert path.suffix == ".png"
        pixels(path)


def test_progress_on_a_terminal_and_in_a_log(model, monkeypatch):
    write_noise("in/a.png")
    write_noise("in/b.png")
    monkeypatch.setattr(terminal, "FIRST_WORD_SECONDS", 0)
    log = run(model, "in", "-o", "log", "--device", "cpu").stderr
    assert re.search(r"images: 2/2  \d+\.\d images/s", log)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    shown = run(model, "in", "-o", "terminal", "--device", "cpu").stderr
    assert "━" in shown
    assert "2/2" in shown


def piped(model, *words, content=b""):
    """Run ``i2i translate`` as a process of its own, with bytes on standard input."""
    command = [sys.executable, "-m", "i2i", "translate", model, *words, "--device", "cpu"]
    return subprocess.run(command, input=content, capture_output=True, timeout=120, check=False)


def test_a_pipe(model):
    write_noise("a.png", (20, 30))
    content = Path("a.png").read_bytes()
    result = piped(model, "-", "-o", "-", content=content)

    assert result.returncode == 0, result.stderr
    Path("b.png").write_bytes(result.stdout)
    assert np.abs(pixels("b.png").astype(int) - np.asarray(i2i.load(model, device="cpu")("a.png"))).max() <= 1
    assert b"flat to 3d" in result.stderr
    named = run(model, "a.png", "-o", "c.png", "--device", "cpu")
    assert named.exit_code == 0
    assert Path("c.png").read_bytes() == result.stdout


def test_one_end_of_a_pipe(model):
    write_noise("a.png")
    result = CliRunner().invoke(
        main, ["translate", model, "-", "-o", "b.jpg", "--device", "cpu"], input=Path("a.png").read_bytes()
    )
    assert result.exit_code == 0, result.output
    with Image.open("b.jpg") as image:
        assert image.format == "JPEG"
    result = run(model, "a.png", "-o", "-", "--format", "webp", "--device", "cpu")
    assert result.exit_code == 0
    assert result.stdout_bytes[8:12] == b"WEBP"
    result = CliRunner().invoke(main, ["translate", model, "-", "-o", "-", "--device", "cpu"], input=b"hello")
    assert (result.exit_code, result.stdout_bytes) == (1, b"")
    assert "standard input: not an image" in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_an_output_that_takes_nothing_and_an_input_that_is_closed_are_said_in_one_line(model):
    write_noise("a.png", (20, 30))
    words = [sys.executable, "-m", "i2i", "translate", model, "--device", "cpu", "-o", "-"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*words, "a.png"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "Error: standard output cannot be written: No space left on device" in done.stderr
    closed = subprocess.run(f"{shlex.join([*words, '-'])} <&-", shell=True, capture_output=True, text=True)
    assert closed.returncode == 1
    assert "Error: stdin of this process is closed; name a file instead of -" in closed.stderr
    assert "Traceback" not in done.stderr + closed.stderr


def test_images_and_a_video(model):
    pytest.importorskip("av", reason="PyAV is not installed")
    from ..helpers.videos import contents, make

    write_noise("in/a.png")
    make(Path("clip.mp4"), frames=5)
    result = run(model, "in", "clip.mp4", "-o", "out", "--device", "cpu", "--batch-size", "2")

    assert result.exit_code == 0, result.output
    summary = (
        r"1 of 1 images and 1 of 1 videos \(5 frames\) translated to out \(\d+\.\d images/s, \d+\.\d frames/s\)\.\n"
    )
    assert re.fullmatch(summary, result.stdout)
    assert contents(Path("out/clip.mp4")).sound == contents(Path("clip.mp4")).sound

    Path("half.mp4").write_bytes(Path("clip.mp4").read_bytes()[:2000])
    result = run(model, "half.mp4", "-o", "new.mp4", "--device", "cpu")
    assert result.exit_code == 1
    assert "Failed: half.mp4: it cannot be read as a video" in result.stderr
    assert result.stdout.startswith("0 of 1 videos (0 frames) translated to new.mp4")


def test_videos_without_pyav_say_what_to_install(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    Path("clip.mp4").touch()
    result = run(model, "clip.mp4", "-o", "out", "--device", "cpu")
    assert result.exit_code == 2
    assert "a video needs a package that is not usable: av cannot be imported" in result.stderr
    assert 'pip install "i2i[video]"' in result.stderr


def test_planning_needs_no_torch(here):
    code = "import sys, i2i.translation.plan, i2i.cli.translate_command; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_start_imports_nothing_that_translating_does_not_need(here):
    write_noise("in.png")
    code = """if True:
        import sys
        from i2i.cli.main import main
        main(["translate", "sample:flat-3d", "in.png", "-o", "out.png", "--device", "cpu"], standalone_mode=False)
        heavy = {"torchmetrics", "accelerate", "matplotlib", "tensorboard", "torch._dynamo", "sympy", "av", "onnx"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path("out.png").exists()


def shown_commands():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for block in re.findall(r"```bash[^\n]*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.splitlines():
                if match := re.match(r"(?:scripts/)?i2i translate\b(.*)", line.strip()):
                    yield pytest.param(shlex.split(match[1], comments=True), id=f"{page.name}: {match[1].strip()}")


@pytest.mark.parametrize("words", list(shown_commands()))
def test_every_shown_command_is_accepted(words):
    with command.make_context("translate", list(words)) as context:
        assert isinstance(context, click.Context)
        assert context.params["inputs"]


def test_the_translator_that_ships_inside(here):
    write_noise("in.png", (20, 30))
    result = run("sample:flat-3d", "in.png", "-o", "out.png", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert re.search(r"flat to 3d: resnet9, moving average at step \d+ of .*flat-3d, on cpu", result.stderr)
    assert pixels("out.png").shape == (30, 20, 3)


def test_what_became_of_each_file_as_json(model):
    write_noise("in/a.png", (20, 30))
    Path("in/b.png").write_bytes(b"no picture")

    result = run(model, "in", "-o", "out", "--device", "cpu", "--json")

    assert result.exit_code == 1
    first, second = sorted(json.loads(result.stdout), key=lambda outcome: outcome["source"])
    assert first == {"source": "in/a.png", "target": "out/a.png", "problem": None, "note": ""}
    assert second["source"] == "in/b.png"
    assert second["problem"]
    refused = run(model, "in/a.png", "-o", "-", "--json")
    assert refused.exit_code == 2
    assert "--json prints on standard output, where --out - writes the image" in refused.stderr
