"""An exported file is compared on every size, and kept if it gives the model's images."""

import dataclasses

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from i2i.errors import ExportError
from i2i.exporting.comparison import PAGE_SIDES, batch_shapes, page, page_side
from i2i.exporting.exporter import export_network
from i2i.exporting.formats import choose_format
from i2i.models.exported_record import FixedShape
from i2i.models.find import open_model
from i2i.models.generator import load_generator
from i2i.plugins.manager import PluginManager

from ..helpers.trained import generator_of


@pytest.mark.parametrize("multiple", [1, 4, 32, 256])
def test_the_sizes_that_are_compared_need_every_kind_of_padding(multiple):
    sides = {side for _, *size in batch_shapes(multiple) for side in size}
    assert any(side % multiple == 0 and side >= 16 for side in sides), "none"
    if multiple > 1:
        assert any(side % multiple and side > 16 for side in sides), "mirrored"
    assert any(side < 8 for side in sides), "repeated, where a side is too small to be mirrored"
    assert len({images for images, *_ in batch_shapes(multiple)}) > 1


def test_what_is_fixed_is_compared_alone():
    assert batch_shapes(4, fixed=FixedShape((20, 33))) == [(1, 20, 33), (3, 20, 33), (2, 20, 33)]
    assert batch_shapes(4, fixed=FixedShape((20, 33), 4)) == [(4, 20, 33)]
    assert {images for images, *_ in batch_shapes(4, fixed=FixedShape(None, 4))} == {4}
    assert len(batch_shapes(4, fixed=FixedShape(None, 4))) == len(batch_shapes(4))


class Nonsense:
    """Writes what its runner cannot open."""

    runtime = "onnxruntime"
    runner = choose_format(PluginManager({}), None, "onnx").exporter.runner

    def require(self):
        pass

    def write(self, traced, path):
        path.write_bytes(b"nonsense")


def export_as(run, out, standard, *, size, network=None, exporter=None, **more):
    """Export ``standard`` as if it were ``network``, by default that of a run; for one size, which traces quickly."""
    manager = PluginManager()
    original, info = load_generator(manager, open_model(run).checkpoint, direction="AtoB")
    chosen = choose_format(manager, out, None)
    if exporter is not None:
        chosen = dataclasses.replace(chosen, exporter=exporter)
    return export_network(network or original, standard, info, out, chosen, fixed=FixedShape(size, 1), **more)


@pytest.mark.parametrize("suffix", ["onnx", pytest.param("pt2", marks=pytest.mark.slow)])
def test_a_file_that_gives_other_images_is_not_kept(run, tmp_path, suffix):
    other, _ = generator_of(seed=5, kernels="reference")
    out = tmp_path / "out" / f"model.{suffix}"
    with pytest.raises(ExportError, match=r"differ by more than 1 levels of 0\.\.255 \(1 image of 16x16: \d+"):
        export_as(run, out, other, size=(16, 16))
    assert not list(out.parent.iterdir())


def test_a_file_that_does_not_run_is_not_kept_and_spoils_no_older_one(run, tmp_path):
    out = tmp_path / "model.onnx"
    out.write_text("the one before")
    with pytest.raises(ExportError, match="does not run in a process of its own"):
        export_as(run, out, nn.Identity(), size=(16, 16), exporter=Nonsense(), force=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the one before"]


def test_a_large_flat_page_is_the_translators_in_every_format(run, translator, onnx_file, torch_file):
    """Sums of a million float32 in one go would be off by several levels, and by all where nothing is marked."""
    session = onnxruntime.InferenceSession(str(onnx_file.path), providers=["CPUExecutionProvider"])
    program = torch.export.load(torch_file.path).module()
    blank = np.full((1, 300, 300, 3), (200, 130, 90), np.uint8)
    for image in (page((1024, 1024), 3), blank):
        expected = translator(image[0]).astype(int)
        for result in (session.run(None, {"images": image})[0], program(torch.from_numpy(image)).numpy()):
            assert np.abs(result[0].astype(int) - expected).max() <= 1


def test_a_page_that_drifts_is_not_exported(run, tmp_path, monkeypatch):
    """The norm of ONNX Runtime itself is caught by the check."""
    monkeypatch.setattr("i2i.exporting.onnx_file.write_exact_norms", lambda graph: None)
    far_from_zero = nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        far_from_zero.weight.mul_(0.1)
        far_from_zero.bias.fill_(1)
    network = nn.Sequential(far_from_zero, nn.InstanceNorm2d(3), nn.Tanh()).eval()
    with pytest.raises(ExportError, match=r"1 levels of 0\.\.255 \(1 image of 512x512: \d+\)"):  # the page alone
        export_as(run, tmp_path / "model.onnx", network, network=network, size=(512, 512))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("seconds", "memory"), [(0.0, 1 << 40), (1e9, 1 << 20)])
def test_the_page_is_small_where_time_or_memory_are_short(translator, monkeypatch, seconds, memory):
    monkeypatch.setattr("i2i.exporting.comparison.PAGE_SIDES", PAGE_SIDES)
    monkeypatch.setattr("i2i.exporting.comparison.PAGE_SECONDS", seconds)
    monkeypatch.setattr("i2i.exporting.comparison.available_memory", lambda device: memory)
    assert page_side(translator, nn.Conv2d(3, 3, 1)) == (PAGE_SIDES[-1] if seconds == 0 else PAGE_SIDES[0])
