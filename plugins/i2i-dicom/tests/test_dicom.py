"""The contract of every format, and what DICOM asks for beyond it."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

from i2i_dicom.plugin import DicomOptions, i2i_readers  # noqa: E402

from i2i.plugins import ReadImage  # noqa: E402
from i2i.plugins.manager import PluginManager  # noqa: E402
from i2i.testing import check_reader  # noqa: E402

(SPEC,) = i2i_readers()
STORED = np.arange(12 * 20, dtype=np.uint16).reshape(12, 20, 1) * 17


def image(path: Path, values: np.ndarray = STORED, bits: int = 12, **elements: Any) -> Path:
    """A CT image."""
    with path.open("wb") as file:
        SPEC.build(DicomOptions()).write(values, file, like=None)
    found = pydicom.dcmread(path)
    found.PatientName, found.Modality, found.BitsStored, found.HighBit = "Doe^Jane", "CT", bits, bits - 1
    for name, value in elements.items():
        setattr(found, name, value)
    found.save_as(path)
    return path


def read(source: Path | io.BytesIO, values: str = "units") -> ReadImage:
    reader = SPEC.build(DicomOptions(values=values))
    found: ReadImage = reader.read(source, beside=True)
    assert isinstance(found.pixels, np.ndarray)
    if isinstance(source, io.BytesIO):
        source.seek(0)
    assert reader.header(source).type == found.pixels.dtype.name
    return found


@pytest.mark.parametrize("values", ["units", "window"])
def test_contract(values: str, tmp_path: Path) -> None:
    options = DicomOptions(values=values)
    check_reader(SPEC, image(tmp_path / "a.dcm") if values == "window" else None, options)


def test_installed_package_is_found() -> None:
    assert PluginManager().find("reader", "dicom").spec.build is SPEC.build


@pytest.mark.parametrize(
    ("slope", "intercept", "kind"), [(1, -1024, "int16"), (2, 0, "uint16"), (0.01, 0, "float32"), (1, 0, "uint16")]
)
def test_values_are_in_their_units(tmp_path: Path, slope: float, intercept: float, kind: str) -> None:
    path = image(tmp_path / "a.dcm", RescaleSlope=str(slope), RescaleIntercept=str(intercept))
    pixels = read(path).pixels

    assert pixels.dtype == kind
    np.testing.assert_allclose(pixels, STORED.astype(float) * slope + intercept, rtol=1e-6)


def test_a_window_shows_what_it_is_for(tmp_path: Path) -> None:
    elements = {"RescaleSlope": "1", "RescaleIntercept": "-1024", "WindowCenter": "0", "WindowWidth": "1000"}
    shown = read(image(tmp_path / "a.dcm", **elements), "window").pixels
    inverted = read(image(tmp_path / "b.dcm", PhotometricInterpretation="MONOCHROME1", **elements), "window").pixels
    units = STORED.astype(float) - 1024

    assert shown.dtype == np.uint8
    assert set(shown[units < -510].ravel()) == {0}
    assert set(shown[units > 510].ravel()) == {255}
    np.testing.assert_allclose(shown, (255 * (units + 500) / 1000).clip(0, 255), atol=1.5)
    np.testing.assert_array_equal(inverted, 255 - shown)


def test_a_derived_image_keeps_the_patient_and_loses_what_described_the_old_values(tmp_path: Path) -> None:
    source = image(tmp_path / "a.dcm", RescaleSlope="1", RescaleIntercept="-1024", WindowCenter="0", WindowWidth="100")
    units = np.linspace(-1000, 1000, 240).reshape(12, 20, 1).astype(np.int16)
    file = io.BytesIO()
    before = read(source).beside
    assert list(SPEC.build(DicomOptions()).write(units, file, like=before)) == []
    file.seek(0)
    derived = pydicom.dcmread(file)

    assert (derived.PatientName, derived.Modality, list(derived.ImageType)) == (
        "Doe^Jane",
        "CT",
        ["DERIVED", "SECONDARY"],
    )
    assert derived.SOPInstanceUID != before.SOPInstanceUID
    assert not {"WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept"} & set(derived.dir())
    file.seek(0)
    np.testing.assert_array_equal(read(file).pixels, units)
    assert "WindowCenter" in before


def test_several_frames_are_refused(tmp_path: Path) -> None:
    path = image(tmp_path / "a.dcm", NumberOfFrames="7")
    with pytest.raises(ValueError, match="7 frames; save each as a file of its own"):
        SPEC.build(DicomOptions()).header(path)


def test_plugin_module_imports_neither_torch_nor_pydicom() -> None:
    code = "import sys, i2i_dicom.plugin; sys.exit(bool({'torch', 'pydicom'} & sys.modules.keys()))"

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
