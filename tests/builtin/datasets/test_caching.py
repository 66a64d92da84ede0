"""Where resized images are kept, and that a run sees the same with and without."""

from __future__ import annotations

import pytest

from i2i.builtin.datasets import caching

from ...helpers.images import write_arrays

GIB = 2**30


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def samples(dataset):
    return [dataset[epoch, index] for epoch in (0, 1, 1) for index in range(len(dataset))]


@pytest.mark.parametrize("mode", ["resize_and_crop", "scale_width_and_crop", "none"])
@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_every_sample_is_the_same_with_and_without(draw, build, monkeypatch, mode, cache):
    for number, kind in enumerate(("RGB", "L", "RGBA", "P", "I;16")):
        draw(f"data/A/{number}.png", (40, 36), mode="RGB" if kind == "I;16" else kind)
        draw(f"data/B/{number}.png", (40, 36))
    root = str(draw("data/A/4.png").parent.parent)
    options = {"root": root, "mode": mode, "test_fraction": 0, "round_to": 16}
    plain, kept = build(cache="off", **options), build(cache=cache, **options)
    expected = samples(plain)

    for one, other in zip(expected, samples(kept), strict=True):
        assert one["A_name"] == other["A_name"]
        assert (one["A"] == other["A"]).all()
        assert (one["B"] == other["B"]).all()
    reads = []
    monkeypatch.setattr(type(kept._readers), "read_opaque", lambda *_, **__: reads.append(1))
    samples(kept)
    if cache == "disk":
        samples(build(cache=cache, **options))
    assert reads == []


def test_values_are_kept_alike(tmp_path, build):
    root = str(write_arrays(tmp_path / "bands"))
    options = {"root": root, "channels_A": 4, "channels_B": 1, "test_fraction": 0}
    for one, other in zip(
        samples(build(cache="off", **options)), samples(build(cache="memory", **options)), strict=True
    ):
        assert (one["A"] == other["A"]).all()
        assert (one["B"] == other["B"]).all()


def images(count, pixels=(4000 * 3000, 146 * 146)):
    return [caching.KeptImage(str(number), pixels, 3 * pixels[1], 4 * pixels[1]) for number in range(count)]


def choose(keeping, found, monkeypatch, *, memory=8 * GIB, disk=100 * GIB, may_write=True):
    monkeypatch.setattr(caching, "available_memory", lambda _: memory)
    monkeypatch.setattr(caching, "_free_below", lambda _: disk)
    cache, told = caching.choose_cache(keeping, found, ["settings"], may_write=may_write)
    return type(cache).__name__, told


def test_auto_keeps_what_saves_much_where_there_is_room(monkeypatch):
    assert choose("auto", images(400), monkeypatch) == (
        "MemoryCache",
        "resized images are kept in memory: 25 MiB (data.cache)",
    )
    assert choose("auto", images(400, (64 * 64, 71 * 71)), monkeypatch) == ("NoneType", "")
    assert choose("off", images(400), monkeypatch) == ("NoneType", "")
    kind, told = choose("auto", images(400), monkeypatch, memory=0)
    assert kind == "FileCache"
    assert "25 MiB" in told
    assert choose("auto", images(400), monkeypatch, memory=0, may_write=False) == ("NoneType", "")
    assert choose("auto", images(400), monkeypatch, memory=0, disk=0) == (
        "NoneType",
        "resized images are not kept: 400 images would take 25 MiB (data.cache)",
    )


def test_memory_that_is_asked_for_keeps_as_many_as_fit(monkeypatch):
    room = caching.SPARE_MEMORY + 2 * 10 * 3 * 146 * 146

    kind, told = choose("memory", images(400), monkeypatch, memory=room)

    assert kind == "MemoryCache"
    assert told.endswith("1 MiB, 10 of 400, as many as half of it holds (data.cache)")


def test_a_mode_that_resizes_nothing_says_so(draw, build):
    draw("data/A/1.png")
    draw("data/B/1.png")
    dataset = build(root=str(draw("data/A/1.png").parent.parent), mode="crop", cache="disk", test_fraction=0)
    assert "mode crop resizes nothing, so data.cache keeps nothing" in dataset.notes
