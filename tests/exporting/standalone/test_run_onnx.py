"""The program shows that an exported file needs ONNX Runtime and numpy, and neither torch nor i2i."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from i2i.exporting import standalone
from i2i.exporting.standalone import run_onnx


@pytest.fixture
def negative(tmp_path):
    """A model that changes the sign of its input."""
    images, result = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None]) for name in ("x", "y"))
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [images], [result])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)
    return path


def test_every_array_is_translated_into_one_of_its_name(negative, tmp_path):
    given = {"small": np.ones((1, 2), np.float32), "large": np.full((5, 7), 3, np.float32)}
    np.savez(tmp_path / "in.npz", **given)
    program = Path(standalone.__file__).parent / "run_onnx.py"
    subprocess.run([sys.executable, program, negative, tmp_path / "in.npz", tmp_path / "out.npz"], check=True)

    with np.load(tmp_path / "out.npz") as arrays:
        assert sorted(arrays.files) == ["large", "small"]
        assert all(np.array_equal(arrays[name], -given[name]) for name in given)


def test_a_process_that_has_torch_shows_nothing(negative, tmp_path):
    import torch  # noqa: F401

    np.savez(tmp_path / "in.npz", x=np.ones((1, 2), np.float32))
    with pytest.raises(RuntimeError, match="needs no torch, but torch was imported"):
        run_onnx.main(str(negative), str(tmp_path / "in.npz"), str(tmp_path / "out.npz"))
