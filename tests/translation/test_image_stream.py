"""One image from and to a stream comes out as from and to a file."""

import io
from pathlib import Path

import pytest
from PIL import Image

import i2i
from i2i.errors import ConfigError, DataError
from i2i.translation.image_files import translate_files
from i2i.translation.image_stream import translate_stream
from i2i.translation.plan import FileJob, StreamJob, plan_stream

from ..helpers.images import READERS, write_noise
from ..helpers.trained import write_run


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    run, _ = write_run(tmp_path_factory.mktemp("stream") / "run")
    return i2i.load(run, device="cpu")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def draw(path, **options):
    exif = Image.Exif()
    exif[0x8298] = "mine"  # copyright
    return write_noise(path, (34, 21), exif=exif, **options).read_bytes()


@pytest.mark.parametrize(("name", "format_name"), [("a.png", None), ("a.jpg", None), ("a.webp", "PNG")])
def test_every_way_gives_the_bytes_of_the_file(translator, name, format_name):
    content = draw(name)
    out = Path("out.png" if format_name else f"out{Path(name).suffix}")
    (outcome,) = translate_files(translator, [FileJob(Path(name), out, format_name)])
    assert outcome.problem is None

    for source, target in ((None, None), (Path(name), None), (None, Path("new", out))):
        written = io.BytesIO()
        outcome = translate_stream(translator, StreamJob(source, target, format_name), io.BytesIO(content), written)
        assert (outcome.source, outcome.target, outcome.problem, outcome.note) == (source, target, None, "")
        assert (target.read_bytes() if target else written.getvalue()) == out.read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", r"standard input: empty \(0 bytes\)"), (b"nonsense", "standard input: not an image")],
)
def test_what_is_no_image(translator, content, message):
    written = io.BytesIO()
    with pytest.raises(DataError, match=message):
        translate_stream(translator, StreamJob(None, None, None), io.BytesIO(content), written)
    assert written.getvalue() == b""


def test_plans():
    draw("a.png")
    Path("folder").mkdir()
    plan = {"format_name": None, "force": False}
    assert plan_stream(["a.png"], "b.png", READERS, **plan) is None
    assert plan_stream(["-"], "-", READERS, **plan) == StreamJob(None, None, None)
    assert plan_stream(["a.png"], "-", READERS, format_name="JPEG", force=False) == StreamJob(
        Path("a.png"), None, "JPEG"
    )
    assert plan_stream(["-"], "b.jpg", READERS, **plan) == StreamJob(None, Path("b.jpg"), "JPEG")
    assert plan_stream(["-"], "a.png", READERS, format_name=None, force=True) == StreamJob(None, Path("a.png"), "PNG")
    for inputs, out, error, message in (
        (["-", "a.png"], "-", ConfigError, "stands for one image; got 2 inputs"),
        (["folder"], "-", ConfigError, "-o - writes one image; folder is a folder"),
        (["none.png"], "-", DataError, "there is no such file: none.png"),
        (["-"], "folder", ConfigError, "-o folder must be a file ending in .png"),
        (["-"], "a.png", DataError, "1 outputs exist already"),
    ):
        with pytest.raises(error, match=message):
            plan_stream(inputs, out, READERS, **plan)
    with pytest.raises(ConfigError, match=r"-o b\.jpg asks for JPEG and --format for PNG"):
        plan_stream(["-"], "b.jpg", READERS, format_name="PNG", force=False)
