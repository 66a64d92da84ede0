"""``i2i.export``: a file that runs without i2i gives the model's images, or there is no file."""

import json
import re
import zipfile

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import i2i
from i2i.errors import CheckpointError, ConfigError, ExportError
from i2i.exporting import exporter as module
from i2i.exporting.comparison import PAGE_SIDES, batch_shapes
from i2i.exporting.formats import choose_format
from i2i.models.exported_record import FixedShape
from i2i.models.find import open_model
from i2i.models.generator import load_generator
from i2i.plugins.manager import PluginManager

from ..helpers.trained import write_run


def picture(height, width, images=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (images, height, width, 3), dtype=np.uint8)


def compare(translator, run_file):
    for images in (1, 2, 17):
        for size in ((16, 16), (5, 9), (33, 50)):
            batch = picture(*size, images)
            result, expected = run_file(batch), np.stack(translator(list(batch)))
            assert (result.dtype, result.shape) == (np.uint8, batch.shape)
            assert np.abs(result.astype(int) - expected.astype(int)).max() <= 1


def test_onnx_runtime_gives_the_translators_images_for_every_size_and_number(translator, onnx_file):
    session = onnxruntime.InferenceSession(str(onnx_file.path), providers=["CPUExecutionProvider"])
    compare(translator, lambda batch: session.run(None, {"images": batch})[0])


def test_torch_gives_the_translators_images_for_every_size_and_number(translator, torch_file):
    module = torch.export.load(torch_file.path).module()
    compare(translator, lambda batch: module(torch.from_numpy(batch)).numpy())


def test_raw_takes_floats(run, exported):
    report = exported[1]["raw.onnx"]
    session = onnxruntime.InferenceSession(str(report.path), providers=["CPUExecutionProvider"])
    images = torch.rand(2, 3, 21, 18) * 2 - 1
    (result,) = session.run(None, {"images": images.numpy()})
    expected = i2i.load(run, direction="BtoA", device="cpu")(images)
    assert np.abs(result - expected.numpy()).max() < 1e-4
    assert report.tolerance == 1e-4
    assert all(0 < check.difference < 1e-4 for check in report.checks[:-1]), "not the same program twice"
    assert report.checks[-1].difference <= report.checks[-1].allowed == 2 / 255


def test_the_file_says_what_it_is(onnx_file, torch_file):
    model = onnx.load(onnx_file.path)
    about = {entry.key: entry.value for entry in model.metadata_props}
    with zipfile.ZipFile(torch_file.path) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("i2i.json"))
        assert archive.read(name).decode() == about["i2i"]
    values = json.loads(about["i2i"])
    assert values["input"] == {
        "name": "images", "channels": 3, "layout": "NHWC", "type": "uint8", "range": [0, 255],
        "sizes": "any", "batch": "any",
    }  # fmt: skip
    assert values["about"].startswith("line to 3d, translated by generator resnet")
    assert values["source"] == "my run/step-00000007"
    assert values["translator"]["versions"]["torch"] == torch.__version__
    assert (model.producer_name, model.producer_version) == ("i2i", i2i.__version__)
    dimensions = [dimension.dim_param for dimension in model.graph.input[0].type.tensor_type.shape.dim]
    assert dimensions == ["batch", "height", "width", ""]


def test_the_file_has_standard_operators_only_and_no_path_of_this_machine(onnx_file, torch_file):
    model = onnx.load(onnx_file.path)
    onnx.checker.check_model(model, full_check=True)
    assert {(entry.domain, entry.version) for entry in model.opset_import} == {("", 13)}
    assert model.ir_version == 7, "what opset 13 came with, so that runtimes of 2020 open it"
    assert not model.functions
    for report in (onnx_file, torch_file):
        content = report.path.read_bytes()
        for trace in (b"i2i/engine", b"site-packages", str(report.path.parent).encode()):
            assert trace not in content


def test_the_report_says_what_was_compared(onnx_file, torch_file):
    for report, runtime in ((onnx_file, "onnxruntime"), (torch_file, "torch")):
        assert report.runtime.startswith(runtime)
        assert report.size == report.path.stat().st_size
        *batches, page = [(check.images, check.height, check.width) for check in report.checks]
        assert batches == batch_shapes(4)
        assert page in [(1, side, side) for side in PAGE_SIDES]
        assert all(check.difference <= report.tolerance == 1 for check in report.checks)


class TestNetworksThatCannotBeExported:
    @pytest.fixture(autouse=True)
    def as_they_are(self, monkeypatch):
        monkeypatch.setattr(module, "_with_standard_operators", lambda manager, network, info: network)

    def export(self, run, network, tmp_path, **options):
        manager = PluginManager()
        _, info = load_generator(manager, open_model(run).checkpoint, direction="AtoB")
        with pytest.raises(ExportError) as caught:
            module.export_model(
                manager, network, info, tmp_path / "model.onnx", choose_format(manager, None, "onnx"), **options
            )
        assert not list(tmp_path.iterdir())
        return str(caught.value)

    def test_one_that_branches_on_values(self, run, tmp_path, monkeypatch, capsys):
        monkeypatch.setenv("I2I_TRACE_PLUGINS", "1")

        class Branching(nn.Module):
            def forward(self, images):
                return images if images.mean() > 0 else -images

        message = self.export(run, Branching(), tmp_path)
        assert "must not branch on values or sizes" in message
        assert "this network cannot be exported with free sizes; try `i2i export --size HxW`" in message
        fixed = self.export(run, Branching(), tmp_path, fixed=FixedShape((32, 32)))
        assert "must not branch on values)" in fixed
        assert "HxW --batch N" in fixed
        assert "in forward" in capsys.readouterr().err

    def test_one_that_takes_one_size_is_exported_for_it(self, run, tmp_path):
        class OfOneSize(nn.Module):
            def __init__(self):
                super().__init__()
                self.grid = nn.Parameter(torch.rand(3, 32, 48))

            def forward(self, images):
                return torch.tanh(images + self.grid)

        assert "free sizes; try `i2i export --size HxW`" in self.export(run, OfOneSize(), tmp_path)
        _, info = load_generator(PluginManager(), open_model(run).checkpoint, direction="AtoB")
        for suffix, file_format in ((".onnx", "onnx"), (".pt2", "torch")):
            path = tmp_path / f"model{suffix}"
            fixed = FixedShape((30, 48))  # padded to 32
            chosen = choose_format(PluginManager(), path, file_format)
            report = module.export_model(PluginManager(), OfOneSize(), info, path, chosen, fixed=fixed)
            assert {(check.height, check.width) for check in report.checks} == {(30, 48)}

    def test_one_that_takes_too_long(self, run, tmp_path):
        class Endless(nn.Module):
            def forward(self, images):
                for _ in range(10**9):
                    images = images + 1
                return images

        message = self.export(run, Endless(), tmp_path, timeout=0.5)
        assert "tracing and writing the generator was not done when the 0.5 seconds of --timeout were over" in message
        assert "no file was written; give it more time, or try `i2i export --size HxW`" in message

    def test_one_with_operators_of_its_own(self, run, tmp_path):
        @torch.library.custom_op("i2i_tests::negative", mutates_args=())
        def negative(images: torch.Tensor) -> torch.Tensor:
            return -images

        @negative.register_fake
        def _(images):
            return torch.empty_like(images)

        class Custom(nn.Module):
            def forward(self, images):
                return negative(images)

        message = self.export(run, Custom(), tmp_path)
        assert "uses i2i_tests::negative" in message
        assert "'reference'" in message


class TestRefused:
    """Told before anything is computed."""

    def refuse(self, *arguments, error=ConfigError, **options):
        with pytest.raises(error) as caught:
            i2i.export(*arguments, **options)
        return str(caught.value)

    def test_no_format(self, run):
        assert "say the format" in self.refuse(run)
        assert "say the format" in self.refuse(run, "model.bin")
        assert re.search("one of onnx, .*torch; got 'tflite'", self.refuse(run, "model.onnx", format="tflite"))
        assert "end in .pt2" in self.refuse(run, "model.onnx", format="torch")

    def test_a_file_that_exists(self, run, onnx_file):
        assert "--force" in self.refuse(run, onnx_file.path)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"size": (0, 3)}, "the height of size must be at least 1; got 0"),
            ({"size": "32x32"}, r"size must be a height and a width, such as \(256, 320\); got '32x32'"),
            ({"size": (32, 3.5)}, "the width of size must be a whole number"),
            ({"batch": 0}, "batch must be at least 1; got 0"),
            ({"timeout": 0}, "timeout must be a number of seconds above 0; got 0"),
            ({"timeout": "a minute"}, "timeout must be a number of seconds above 0"),
        ],
    )
    def test_sizes_and_times_that_are_none(self, run, tmp_path, options, message):
        assert re.search(message, self.refuse(run, tmp_path / "model.pt2", **options))

    def test_an_exported_file(self, onnx_file, tmp_path):
        assert "exported file already" in self.refuse(onnx_file.path, tmp_path / "again.onnx")

    def test_no_model(self, tmp_path):
        assert "not a trained model" in self.refuse(tmp_path, tmp_path / "model.pt2", error=CheckpointError)

    def test_random_inference(self, tmp_path):
        paper = write_run(tmp_path / "run", more={"inference": "paper"})[0]
        assert "--inference deterministic" in self.refuse(paper, tmp_path / "model.pt2")

    def test_no_package(self, run, tmp_path, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
        assert 'pip install "i2i[export]"' in self.refuse(run, tmp_path / "model.onnx")


def test_the_name_is_the_models_unless_given(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("i2i.exporting.exporter.export_model", lambda *arguments, **options: arguments[3])
    assert i2i.export(run, format="onnx").name == "my run.onnx"
    assert i2i.export(run / "checkpoints" / "step-00000007", format="torch").name == "step-00000007.pt2"


def test_values_in_units_of_their_own_take_raw(tmp_path):
    values = {"A": {"range": [0, 4095], "type": "uint16"}, "B": None}
    folder, _ = write_run(tmp_path / "run", more={"values": values})
    with pytest.raises(ConfigError, match=r"values in units of their own, .*; export it with --raw"):
        i2i.export(folder, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()
