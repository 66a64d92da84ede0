"""``i2i.translate``: files, folders, patterns and streams from a program."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import i2i
from i2i.errors import CheckpointError, ConfigError, DataError
from i2i.translation.observer import TranslationObserver

from ..helpers.trained import write_run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("model") / "a run")[0]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def draw(path, size=(16, 16), seed=0):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


class Recorder(TranslationObserver):
    """Records each call."""

    def __init__(self):
        self.told = []

    def planned(self, plan):
        self.told.append(("planned", len(plan.jobs), len(plan.videos)))

    def loaded(self, translator):
        self.told.append(("loaded", translator.info.direction))

    def tiled(self, job, part):
        if part == 1:
            self.told.append(("tiled", job.source.name))

    def began_video(self, job):
        self.told.append(("video", job.source.name))

    def wrote_frames(self, job, done, total):
        self.told.append(("frames", job.source.name, done, total))

    def finished(self, outcome):
        self.told.append(("finished", outcome.source.name, outcome.problem))


@pytest.mark.parametrize("loaded", [False, True])
def test_a_folder_a_pattern_and_a_file_that_is_no_image(model, loaded):
    draw("in/a.png", seed=1)
    draw("in/deep/b.png", (20, 30), seed=2)
    draw("more/c.png", seed=3)
    Path("more/d.png").write_bytes(b"nonsense")
    translator = i2i.load(model, device="cpu")
    observer = Recorder()
    outcomes = i2i.translate(
        translator if loaded else model,
        [Path("in"), "more/*.png"],
        Path("out"),
        observer=observer,
        **({} if loaded else {"device": "cpu"}),
    )

    sources = [Path("in/a.png"), Path("in/deep/b.png"), Path("more/c.png"), Path("more/d.png")]
    targets = [Path("out/a.png"), Path("out/deep/b.png"), Path("out/c.png"), Path("out/d.png")]
    assert [outcome.source for outcome in outcomes] == sources
    assert [outcome.target for outcome in outcomes] == targets
    problem = "not an image, or its header is damaged"
    assert [outcome.problem for outcome in outcomes] == [None, None, None, problem]
    for source, target in zip(sources[:3], targets[:3], strict=True):
        assert np.array_equal(pixels(target), np.asarray(translator(source)))
    assert not targets[3].exists()
    names = [source.name for source in sources]
    assert observer.told == [
        ("planned", 4, 0),
        ("loaded", "AtoB"),
        *(("finished", name, problem if name == "d.png" else None) for name in names),
    ]


def test_one_file_in_another_format(model):
    draw("a.png")
    (outcome,) = i2i.translate(model, "a.png", "out", format="WebP", device="cpu")
    assert outcome == i2i.translate(model, "a.png", "out/a.webp", force=True, device="cpu")[0]
    with Image.open("out/a.webp") as image:
        assert image.format == "WEBP"
    with pytest.raises(DataError, match="1 outputs exist already"):
        i2i.translate(model, "a.png", "out/a.webp", device="cpu")


def test_images_in_tiles_are_those_of_the_whole(model):
    draw("in/small.png")
    draw("in/wide.png", (150, 40))
    whole, observer = i2i.load(model, device="cpu"), Recorder()
    i2i.translate(model, "in", "out", tile=64, device="cpu", observer=observer)
    assert {("tiled", "small.png"), ("tiled", "wide.png")} <= set(observer.told)
    for name in ("small.png", "wide.png"):
        difference = pixels(f"out/{name}").astype(int) - np.asarray(whole(Path("in", name)))
        assert np.abs(difference).max() <= 1


def test_images_come_before_videos(model):
    pytest.importorskip("av", reason="PyAV is not installed")
    from ..helpers.videos import make

    make(Path("clip.mp4"), frames=3)
    draw("a.png")
    observer = Recorder()
    outcomes = i2i.translate(model, ["clip.mp4", "a.png"], "out", device="cpu", batch_size=3, observer=observer)
    assert [outcome.target for outcome in outcomes] == [Path("out/a.png"), Path("out/clip.mp4")]
    assert [outcome.problem for outcome in outcomes] == [None, None]
    assert observer.told[2:] == [
        ("finished", "a.png", None),
        ("video", "clip.mp4"),
        ("frames", "clip.mp4", 3, 3),
        ("finished", "clip.mp4", None),
    ]


def test_a_stream(model, monkeypatch):
    content = draw("a.png").read_bytes()
    i2i.translate(model, "a.png", "b.png", device="cpu")
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=written))
    (outcome,) = i2i.translate(model, "-", "-", device="cpu")
    assert (outcome.source, outcome.target, outcome.problem) == (None, None, None)
    assert written.getvalue() == Path("b.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"nonsense")))
    with pytest.raises(DataError, match="standard input: not an image"):
        i2i.translate(model, "-", "-", device="cpu")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="stdin of this process is closed"):
        i2i.translate(model, "-", "-", device="cpu")


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("MODEL", [], "out"), {}, ConfigError, "there is no input"),
        (("MODEL", "none.png", "out"), {}, DataError, "there is no such file or folder"),
        (("MODEL", "a.png", "out"), {"format": "gif"}, ConfigError, "format must be one of bmp, .*jpeg, .*; got 'gif'"),
        (("MODEL", "a.png", "out"), {"batch_size": 0}, ConfigError, "batch_size must be at least 1"),
        (("MODEL", "a.png", "out"), {"workers": 1.5}, ConfigError, "workers must be a whole number"),
        (("LOADED", "a.png", "out"), {"device": "cpu"}, ConfigError, "device: the model is loaded already"),
        (("nowhere", "a.png", "out"), {}, CheckpointError, "nowhere"),
        ((7, "a.png", "out"), {}, ConfigError, "a model is named by a path or a text"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(model, arguments, options, error, message):
    draw("a.png")
    name, *rest = arguments
    named = {"MODEL": model, "LOADED": i2i.load(model, device="cpu")}.get(name, name)
    with pytest.raises(error, match=message):
        i2i.translate(named, *rest, **options)
    assert not Path("out").exists()


def test_what_an_observer_raises_ends_it_with_whole_files(model):
    class Impatient(TranslationObserver):
        def finished(self, outcome):
            raise KeyboardInterrupt

    for number in range(30):
        draw(f"in/{number:02}.png", seed=number)
    with pytest.raises(KeyboardInterrupt):
        i2i.translate(model, "in", "out", device="cpu", observer=Impatient())
    written = sorted(Path("out").iterdir())
    assert 1 <= len(written) < 30
    for path in written:
        pixels(path)
