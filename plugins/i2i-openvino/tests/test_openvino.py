"""The contract of every exporter and command, and what makes these OpenVINO's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino
import pytest
from click.testing import CliRunner
from i2i_openvino.plugin import i2i_commands, i2i_exporters

import i2i
from i2i.cli.main import main
from i2i.errors import CheckpointError, ConfigError
from i2i.plugins.manager import PluginManager
from i2i.testing import check_command, check_exporter

(EXPORTER,) = i2i_exporters()
(COMMAND,) = i2i_commands()
MODEL = "sample:flat-3d"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> i2i.ExportReport:
    """The sample, for images of one size, which is quick."""
    return i2i.export(MODEL, tmp_path_factory.mktemp("exported") / "sample.xml", size=(48, 64))


def picture(height: int = 48, width: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_it_keeps_the_contract_of_an_exporter() -> None:
    check_exporter(EXPORTER)


def test_the_command_keeps_its_contract() -> None:
    check_command(COMMAND)


def test_the_installed_package_registers_both() -> None:
    manager = PluginManager(environ={})
    for kind, name in (("exporter", "openvino"), ("command", "openvino-speed")):
        assert manager.find(kind, name).plugin.package == "i2i-openvino"


def test_the_files_give_the_images_of_the_model(exported: i2i.ExportReport) -> None:
    expected = i2i.load(MODEL, device="cpu")(picture()).astype(int)
    assert np.abs(i2i.load(exported.path)(picture()).astype(int) - expected).max() <= 1
    alone = openvino.Core().compile_model(exported.path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert np.abs(alone([picture()[None]])[0][0].astype(int) - expected).max() <= 1


def test_the_report_and_the_record_say_what_it_is(exported: i2i.ExportReport) -> None:
    assert exported.format == "openvino"
    assert exported.runtime == f"openvino {openvino.__version__.partition('-')[0]}"
    assert exported.size == sum(exported.path.with_suffix(suffix).stat().st_size for suffix in (".xml", ".bin"))
    info = i2i.load(exported.path).info
    assert (info.generator, info.domains) == ("resnet9", ("flat", "3d"))
    assert str(Path(i2i.__file__).parent) not in exported.path.read_text(encoding="utf-8")


def test_half_of_the_weights_is_an_option(exported: i2i.ExportReport, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'half'"):
        i2i.export(MODEL, tmp_path / "model.xml", set={"exporter.haf": True})
    assert EXPORTER.build(EXPORTER.options(half=True)).half


def test_a_file_that_is_damaged_or_alone_is_refused(exported: i2i.ExportReport, tmp_path: Path) -> None:
    alone = tmp_path / "alone.xml"
    alone.write_bytes(exported.path.read_bytes())
    with pytest.raises(CheckpointError, match=r"alone\.xml is no file of OpenVINO, .* \.bin beside it is missing"):
        i2i.load(alone)
    with pytest.raises(ConfigError, match="got device 'cuda'; use cpu or auto"):
        i2i.load(exported.path, device="cuda")


def test_what_is_there_is_replaced_by_force_alone(exported: i2i.ExportReport, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("precious")
    with pytest.raises(ConfigError, match=r"model\.bin exists"):
        i2i.export(MODEL, tmp_path / "model.xml")


def test_the_command_times_each_device(exported: i2i.ExportReport) -> None:
    result = CliRunner().invoke(main, ["openvino-speed", str(exported.path), "--repeat", "1"])
    assert result.exit_code == 0, result.output
    assert "CPU (" in result.output
    assert "f32: " in result.output
    (wrong := exported.path.with_name("wrong.xml")).write_text("<xml/>")
    result = CliRunner().invoke(main, ["openvino-speed", str(wrong)])
    assert result.exit_code == 1
    assert "wrong.xml is no file that OpenVINO reads, or is damaged; wrong.bin, which holds its" in result.output


def test_the_command_names_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["openvino-speed", str(tmp_path / "nope.xml")])
    assert (result.exit_code, result.output) == (
        1,
        f"Error: {tmp_path / 'nope.xml'} is not there; expected a file of i2i export, in .xml or .onnx\n",
    )


def test_the_module_that_i2i_loads_imports_neither_torch_nor_openvino() -> None:
    code = "import sys, i2i_openvino.plugin; sys.exit(bool({'torch', 'openvino'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
