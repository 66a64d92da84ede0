"""Many files: every one is reported, in order, whatever the batches and threads."""

import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

import i2i
from i2i.errors import DataError, PluginError
from i2i.translation import image_files as module
from i2i.translation.image_files import translate_files
from i2i.translation.plan import make_plan

from ..helpers.images import READERS, noise, write_arrays, write_noise
from ..helpers.netpbm import SOURCE, write_ppm
from ..helpers.trained import write_run


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    return i2i.load(write_run(tmp_path_factory.mktemp("files") / "run")[0], device="cpu")


def run(translator, source, target, *, format_name=None, force=False, **options):
    plan = make_plan([str(source)], target, READERS, format_name=format_name, force=force)
    return list(translate_files(translator, plan.jobs, force=force, **options))


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 1), (1, 3), (4, 2), (50, 1)])
def test_every_file_is_translated_in_order_into_its_own_place(translator, tmp_path, batch_size, workers):
    sizes = [(16, 16), (16, 16), (17, 18), (40, 24), (16, 16), (20, 20), (19, 18), (20, 20), (16, 16), (5, 90)]
    for number, size in enumerate(sizes * 3):
        write_noise(tmp_path / "in" / f"sub {number % 3}" / f"{number:02}.png", size, seed=number)
    outcomes = run(translator, tmp_path / "in", tmp_path / "out", batch_size=batch_size, workers=workers)

    assert [outcome.problem for outcome in outcomes] == [None] * 30
    assert [outcome.source for outcome in outcomes] == sorted(outcome.source for outcome in outcomes)
    for outcome in outcomes:
        assert outcome.target == tmp_path / "out" / outcome.source.relative_to(tmp_path / "in")
        with Image.open(outcome.target) as written:
            difference = np.asarray(written).astype(int) - np.asarray(translator(outcome.source)).astype(int)
        assert np.abs(difference).max() <= 1
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name.startswith(".")]


def test_bad_files_are_outcomes_and_the_rest_goes_on(translator, tmp_path):
    for number in range(6):
        write_noise(tmp_path / "in" / f"{number}.png", seed=number)
    (tmp_path / "in" / "1.png").write_bytes(b"")
    (tmp_path / "in" / "3.png").write_bytes((tmp_path / "in" / "2.png").read_bytes()[:200])
    (tmp_path / "in" / "4.png").unlink()
    (tmp_path / "in" / "4.png").symlink_to("nowhere.png")
    for batch_size in (1, 4):
        outcomes = run(translator, tmp_path / "in", tmp_path / f"out{batch_size}", batch_size=batch_size)
        problems = {outcome.source.name: outcome.problem for outcome in outcomes}
        assert [name for name, problem in problems.items() if problem is None] == ["0.png", "2.png", "5.png"]
        assert problems["1.png"] == "empty (0 bytes)"
        assert "corrupt or truncated" in problems["3.png"]
        assert "a broken link" in problems["4.png"]
        assert sorted(path.name for path in (tmp_path / f"out{batch_size}").iterdir()) == ["0.png", "2.png", "5.png"]


def test_only_bad_files(translator, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    (outcome,) = run(translator, tmp_path / "notes.txt", tmp_path / "out")
    assert outcome.problem == "not an image, or its header is damaged"
    assert not (tmp_path / "out").exists()


def test_one_image_that_the_network_refuses_costs_no_other(translator, tmp_path, monkeypatch):
    for number in range(4):
        write_noise(tmp_path / "in" / f"{number}.png", seed=number)
    translate = translator.translate
    bad = np.asarray(Image.open(tmp_path / "in" / "2.png"))[0, 0] / 127.5 - 1

    def refuse(images):
        if any(np.allclose(image[0, :, 0, 0].numpy(), bad, atol=1e-5) for image in images):
            raise DataError("out of memory")
        return translate(images)

    monkeypatch.setattr(translator, "translate", refuse)
    outcomes = run(translator, tmp_path / "in", tmp_path / "out", batch_size=4)
    assert [outcome.problem for outcome in outcomes] == [None, None, "out of memory", None]


def test_a_broken_generator_ends_it(translator, tmp_path, monkeypatch):
    def fail(images):
        raise PluginError("broken")

    write_noise(tmp_path / "in" / "a.png")
    monkeypatch.setattr(translator, "translate", fail)
    with pytest.raises(PluginError, match="broken"):
        run(translator, tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize("name", ["a.png", "b.jpg", "c.jpeg", "d.webp", "e.bmp", "f.tif", "g.PNG"])
def test_the_format_is_kept(translator, tmp_path, name):
    write_noise(tmp_path / name)
    (outcome,) = run(translator, tmp_path / name, tmp_path / "out")
    with Image.open(tmp_path / "out" / name) as before, Image.open(outcome.target) as after:
        assert before.format == after.format
    if not name.endswith(("jpg", "jpeg")):
        with Image.open(outcome.target) as after:
            assert np.array_equal(np.asarray(after), np.asarray(translator(tmp_path / name)))


def test_the_format_is_kept_without_a_suffix(translator, tmp_path):
    write_noise(tmp_path / "image.webp", lossless=True).rename(tmp_path / "no suffix")
    (outcome,) = run(translator, tmp_path / "no suffix", tmp_path / "out")
    with Image.open(outcome.target) as after:
        assert (outcome.target.name, after.format) == ("no suffix", "WEBP")


@pytest.mark.parametrize(("format_name", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("TIFF", ".tif")])
def test_another_format(translator, tmp_path, format_name, suffix):
    write_noise(tmp_path / "in" / "a.bmp")
    run(translator, tmp_path / "in", tmp_path / "out", format_name=format_name)
    with Image.open(tmp_path / "out" / f"a{suffix}") as after:
        assert after.format == format_name


def test_photos_come_out_upright_with_their_exif(translator, tmp_path):
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010F: "Maker"})
    write_noise(tmp_path / "photo.jpg", (30, 20), exif=exif)
    run(translator, tmp_path / "photo.jpg", tmp_path / "out")
    with Image.open(tmp_path / "out" / "photo.jpg") as after:
        assert after.size == (20, 30)
        assert dict(after.getexif()) == {0x010F: "Maker"}


def test_sixteen_bit_grey(tmp_path):
    grey = i2i.load(write_run(tmp_path / "run", in_channels=1, out_channels=1)[0], device="cpu")
    levels = np.random.default_rng(0).integers(0, 65536, (16, 16), dtype=np.uint16)
    (tmp_path / "in").mkdir()
    Image.fromarray(levels).save(tmp_path / "in" / "deep.png")
    run(grey, tmp_path / "in", tmp_path / "out")
    run(grey, tmp_path / "in", tmp_path / "out", format_name="WEBP")
    with Image.open(tmp_path / "out" / "deep.png") as after:
        assert after.mode == "I;16"
        assert np.array_equal(np.asarray(after), np.asarray(grey(tmp_path / "in" / "deep.png")))
    with Image.open(tmp_path / "out" / "deep.webp") as after:
        assert after.size == (16, 16)


def test_what_is_lost_of_a_file_is_named(translator, tmp_path):
    levels = np.random.default_rng(0).integers(0, 4096, (16, 16), dtype=np.uint16)
    levels[0, 0] = 4095
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "a.tif", levels, photometric="minisblack", ome=True)
    (outcome,) = run(translator, tmp_path / "in", tmp_path / "out")
    assert "its 16-bit values reach no further than 4095 of 65535 (12 bits)" in outcome.note
    assert "its description (of axes, type or scale, for programs) was left out" in outcome.note

    grey = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey = grey[:16] + b"GRAY" + grey[20:]
    Image.fromarray(np.full((16, 16), 200, np.uint8)).save(tmp_path / "in" / "b.jpg", icc_profile=grey)
    (outcome,) = run(translator, tmp_path / "in" / "b.jpg", tmp_path / "out")
    assert outcome.note == "its colour profile was left out, for it is for grey, and the result is RGB"
    with Image.open(tmp_path / "out" / "b.jpg") as image:
        assert "icc_profile" not in image.info


def test_a_file_that_appeared_meanwhile_stays(translator, tmp_path):
    write_noise(tmp_path / "a.png")
    jobs = make_plan([str(tmp_path / "a.png")], tmp_path / "out", READERS).jobs
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_bytes(b"mine")
    (outcome,) = translate_files(translator, jobs)
    assert "a file of this name is there since the start" in outcome.problem
    assert (tmp_path / "out" / "a.png").read_bytes() == b"mine"
    (outcome,) = run(translator, tmp_path / "a.png", tmp_path / "out", force=True)
    assert outcome.problem is None


def test_stopping_early_leaves_whole_files_and_no_threads(translator, tmp_path):
    for number in range(40):
        write_noise(tmp_path / "in" / f"{number:02}.png", seed=number)
    jobs = make_plan([str(tmp_path / "in")], tmp_path / "out", READERS).jobs
    outcomes = translate_files(translator, jobs, workers=2)
    next(outcomes)
    outcomes.close()

    written = sorted((tmp_path / "out").iterdir())
    assert 1 <= len(written) < 40
    for path in written:
        with Image.open(path) as image:
            image.load()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("i2i-")]


def test_only_so_many_images_wait(translator, tmp_path, monkeypatch):
    """However slow the writing is, reading stays a bounded number of images ahead."""
    begun, finished, most = [], [], 0
    read, write = module.read_frame, module.write_framed

    def count_read(*arguments):
        nonlocal most
        begun.append(1)
        most = max(most, len(begun) - len(finished))
        return read(*arguments)

    def count_write(*arguments, **options):
        note = write(*arguments, **options)
        finished.append(1)
        return note

    monkeypatch.setattr(module, "read_frame", count_read)
    monkeypatch.setattr(module, "write_framed", count_write)
    for number in range(60):
        write_noise(tmp_path / "in" / f"{number:02}.png", seed=number)
    assert len(run(translator, tmp_path / "in", tmp_path / "out", batch_size=2, workers=1)) == 60
    ahead = 2 + 2 * 1
    assert most <= 2 * ahead + 2 * 2


def test_a_translator_of_no_pictures_is_refused(tmp_path):
    folder, _ = write_run(tmp_path / "run", in_channels=5, out_channels=5)
    with pytest.raises(DataError, match="maps 5 channels to 5"):
        list(translate_files(i2i.load(folder, device="cpu"), []))


def test_names_of_any_kind(translator, tmp_path):
    names = ["with space.png", "ünï.png", "-dash.png", "[x]*.png", "a" * 240 + ".png"]
    for name in names:
        write_noise(tmp_path / "in" / name)
    outcomes = run(translator, tmp_path / "in", tmp_path / "out")
    assert [outcome.problem for outcome in outcomes] == [None] * len(names)
    assert sorted(path.name for path in Path(tmp_path / "out").iterdir()) == sorted(names)


def test_a_format_that_a_package_brings_is_kept_and_can_be_asked_for(install, tmp_path):
    install("i2i-netpbm", SOURCE)
    translator = i2i.load(write_run(tmp_path / "run")[0], device="cpu")
    write_ppm(tmp_path / "in" / "a.ppm", noise(16, 16))
    write_noise(tmp_path / "in" / "b.png")
    readers = translator.readers
    plans = [make_plan([str(tmp_path / "in")], tmp_path / "kept", readers)]
    plans.append(make_plan([str(tmp_path / "in")], tmp_path / "asked", readers, format_name="NETPBM"))
    outcomes = [outcome for plan in plans for outcome in translate_files(translator, plan.jobs)]

    assert [outcome.problem for outcome in outcomes] == [None] * 4
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("[ka]*/*"))
    assert written == ["asked/a.ppm", "asked/b.ppm", "kept/a.ppm", "kept/b.png"]
    with Image.open(tmp_path / "kept" / "b.png") as png, Image.open(tmp_path / "asked" / "b.ppm") as ppm:
        np.testing.assert_array_equal(np.asarray(png), np.asarray(ppm))


def test_an_output_format_that_cannot_hold_the_image_names_the_ones_that_can(install, tmp_path):
    install("i2i-netpbm", SOURCE.replace("channels in (1, 3)", "channels == 1"))
    translator = i2i.load(write_run(tmp_path / "run")[0], device="cpu")
    write_ppm(tmp_path / "a.ppm", noise(16, 16))
    plan = make_plan([str(tmp_path / "a.ppm")], tmp_path / "out", translator.readers)
    (outcome,) = translate_files(translator, plan.jobs)

    assert outcome.problem.startswith("NETPBM does not hold its translation, of 3 channels of uint8; choose another ")


def values_run(tmp_path, **more):
    """A run from four bands of 12 bits to one of degrees."""
    values = {"A": {"range": [0, 4095], "type": "uint16"}, "B": {"range": [-50.0, 50.0], "type": "float32"}}
    return write_run(tmp_path / "run", in_channels=4, out_channels=1, more={"values": values, **more})[0]


def test_values_of_any_type_go_in_and_come_out_in_their_units(tmp_path):
    translator = i2i.load(values_run(tmp_path), device="cpu")
    root = write_arrays(tmp_path / "data", count=3)
    outcomes = run(translator, root / "A", tmp_path / "out", batch_size=2)

    assert [(outcome.problem, outcome.note) for outcome in outcomes] == [(None, "")] * 3
    for number in range(3):
        bands, written = np.load(root / "A" / f"{number}.npy"), np.load(tmp_path / "out" / f"{number}.npy")
        assert (written.shape, written.dtype) == ((16, 16), np.float32)
        assert np.abs(written).max() <= 50
        np.testing.assert_allclose(translator(root / "A" / f"{number}.npy")[:, :, 0], written, atol=1e-3)
        np.testing.assert_allclose(translator(bands)[:, :, 0], written, atol=1e-3)
        unit = torch.from_numpy(bands.astype(np.float32)).permute(2, 0, 1) / 4095 * 2 - 1
        np.testing.assert_allclose(translator(unit)[0] * 50, written, atol=1e-3)


def test_tiles_of_values_are_the_whole_image(tmp_path):
    folder = values_run(tmp_path)
    root = write_arrays(tmp_path / "data", count=1, size=64)
    whole, tiled = (i2i.load(folder, device="cpu", tile=side) for side in (None, 32))
    (outcome,) = run(tiled, root / "A" / "0.npy", tmp_path / "out")

    assert outcome.problem is None
    np.testing.assert_allclose(np.load(tmp_path / "out" / "0.npy"), whole(root / "A" / "0.npy")[:, :, 0], atol=1e-3)


def test_what_does_not_fit_a_run_of_values_is_named(tmp_path):
    translator = i2i.load(values_run(tmp_path), device="cpu")
    write_noise(tmp_path / "in" / "photo.png")
    np.save(tmp_path / "in" / "loud.npy", np.full((16, 16, 4), 5000, np.uint16))
    outcomes = {outcome.source.name: outcome for outcome in run(translator, tmp_path / "in", tmp_path / "out")}
    (as_png,) = run(translator, tmp_path / "in" / "loud.npy", tmp_path / "png", format_name="PNG")

    assert "it has 3 channels; expected 4" in outcomes["photo.png"].problem
    assert outcomes["loud.npy"].note == ("1024 of its 1024 values lie outside 0:4095, the range of the run: cut to it")
    assert as_png.problem.startswith("PNG does not hold its translation, of 1 channel of float32; choose another with ")
    with pytest.raises(DataError, match=r"takes 4 channels of values in 0:4095, no pictures: hand over files"):
        translator(Image.new("RGB", (16, 16)))
    with pytest.raises(DataError, match="expected finite numbers in the units of 0:4095"):
        translator(np.full((16, 16, 4), np.nan, np.float32))


def test_what_no_output_can_hold_is_refused_before_anything_is_translated(tmp_path):
    folder, root = values_run(tmp_path), write_arrays(tmp_path / "data", count=3)
    with pytest.raises(DataError, match=r"0\.png and 2 more: PNG does not hold .*npy, .*; nothing was translated$"):
        i2i.translate(folder, root / "A", tmp_path / "out", format="png", device="cpu")
    assert not (tmp_path / "out").exists()


def test_pictures_become_values(tmp_path):
    values = {"A": None, "B": {"range": [0.0, 10.0], "type": "float32"}}
    folder, _ = write_run(tmp_path / "run", in_channels=3, out_channels=1, more={"values": values})
    translator = i2i.load(folder, device="cpu")
    path = write_noise(tmp_path / "photo.png")
    (outcome,) = run(translator, path, tmp_path / "out", format_name="NPY")

    written = np.load(tmp_path / "out" / "photo.npy")
    assert (outcome.problem, written.dtype, written.shape) == (None, np.float32, (16, 16))
    assert 0 <= written.min() < written.max() <= 10
    with Image.open(path) as image:
        np.testing.assert_allclose(translator(image)[:, :, 0], written, atol=1e-4)
