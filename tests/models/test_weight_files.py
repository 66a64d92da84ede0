"""What a file of weights may be, and what is said of one that is something else; nothing in it runs."""

import io
import os
import pickle
import zipfile

import pytest
import torch
from PIL import Image

from i2i.errors import CheckpointError
from i2i.models.weight_files import read_weights


def test_networks_are_told_apart_by_the_dictionaries_and_keys_around_them(tmp_path):
    one = torch.zeros(1)
    content = {
        "epoch": 3,
        "netG.module.model.1.weight": one,
        "nets": {"D": {"module.model.0.weight": one}, "F": {"model.model.0.weight": one}},
        "optimizer": {"state": {"exp_avg": one}, "param_groups": []},
        "scale": one,
    }
    torch.save(content, tmp_path / "all.pth")
    parts = read_weights(tmp_path / "all.pth")
    assert {name: list(tensors) for name, tensors in parts.items()} == {
        "netG": ["model.1.weight"],
        "nets.D": ["model.0.weight"],
        "nets.F": ["model.model.0.weight"],
        "": ["scale"],
    }


class Runs:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def torch_script(path):
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), path)


def archive(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("photo.txt", "")


def half(path):
    whole = io.BytesIO()
    torch.save({"model.1.weight": torch.zeros(1000)}, whole)
    path.write_bytes(whole.getvalue()[:2000])


def exported(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("latest/archive_format", "pt2")


OTHERS = {
    "empty": (lambda path: path.touch(), r"is empty \(0 bytes\); expected a state dict"),
    "web page": (lambda path: path.write_text("<!DOCTYPE html><html>404"), "a web page.*failed download"),
    "LFS": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid"), "placeholder of Git LFS"),
    "HDF5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99)), "HDF5"),
    "gzip": (lambda path: path.write_bytes(b"\x1f\x8b" + bytes(99)), r"archive \(gzip\); unpack it"),
    "zip": (archive, "a zip archive; unpack it"),
    "half a download": (half, "a damaged archive, perhaps half of a download"),
    "image": (lambda path: Image.new("RGB", (9, 9)).save(path, "PNG"), "is an image"),
    "text": (lambda path: path.write_text("hello, hello"), "not a file of weights: it begins with b'hello, hello'"),
    "ONNX": (
        lambda path: path.write_bytes(b"\x08\x08\x12\x07pytorch" + bytes(99)),
        r"ONNX file.* call it \.\.\.\.onnx",
    ),
    "exported": (exported, r"program of torch\.export"),
    "TorchScript": (torch_script, "TorchScript program, which is code"),
    "optimiser": (lambda path: torch.save({"state": {}, "param_groups": []}, path), "the state of an optimiser"),
    "numbers": (lambda path: torch.save({"epoch": 3, "loss": 0.5}, path), "a dictionary with 'epoch', 'loss'"),
    "nothing": (lambda path: torch.save({}, path), "a dictionary with nothing in it"),
    "tensor": (lambda path: torch.save(torch.zeros(2, 3), path), r"one tensor of shape \[2, 3\]"),
    "list": (lambda path: torch.save([1], path), "but a list"),
    "module": (
        lambda path: torch.save(torch.nn.ReLU(), path),
        r"Python objects \(torch\.nn\.modules.*ReLU\).*state_dict",
    ),
    "pickle": (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "damaged, or not a file of torch"),
    "safetensors": (lambda path: path.write_bytes((9).to_bytes(8, "little") + b"{" + bytes(99)), "is damaged"),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.parametrize(("write", "message"), OTHERS.values(), ids=OTHERS)
def test_what_holds_no_weights_is_named(tmp_path, write, message):
    path = tmp_path / "latest_net_G.pth"
    write(path)
    with pytest.raises(CheckpointError, match=message) as raised:
        read_weights(path)
    assert str(path) in str(raised.value)


def test_lua_torch_is_named(tmp_path):
    (tmp_path / "horse2zebra.t7").write_bytes(bytes([4, 0, 0, 0]) * 20)
    with pytest.raises(CheckpointError, match="Lua Torch"):
        read_weights(tmp_path / "horse2zebra.t7")


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_file_runs(tmp_path, monkeypatch, zipped):
    monkeypatch.chdir(tmp_path)
    torch.save({"model.1.weight": Runs()}, "evil.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"Python objects \((posix|nt)\.mkdir\).*can run code"):
        read_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()
