"""Programs of torch.export: those of i2i load, and nothing that somebody put into a file runs."""

import json
import os
import pickle
import socket
import threading
import zipfile

import pytest
import torch
from torch import nn

import i2i
from i2i.errors import CheckpointError
from i2i.models.pt2_archive import load_program

CPU = torch.device("cpu")


class Marker:
    """Unpickled, it leaves a file behind: that it ran is seen, and harms nobody."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.register_buffer("scale", torch.tensor([2.0]))

    def forward(self, images):
        with torch.autocast("cpu", enabled=False):
            features = torch.relu_(self.convolution(images.float())) * self.scale
        return features.mean(dim=(2, 3)) + torch.tensor([1.0, 2.0, 3.0, 4.0])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A network, and a file of it with everything torch writes: example inputs, constants, a block inside the graph."""
    path = tmp_path_factory.mktemp("pt2") / "small.pt2"
    network = Small().eval()
    example = torch.zeros(2, 3, 9, 11, dtype=torch.uint8)
    sizes = {0: torch.export.Dim.DYNAMIC, 2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    torch.export.save(torch.export.export(network, (example,), dynamic_shapes=(sizes,)), path)
    return network, path


def rewrite(source, target, change=lambda name, content: content, more=None, method=zipfile.ZIP_STORED):
    """Copy an archive; ``change`` gets each member's name, without the folder around all, and its bytes."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", method) as new:
        root = old.namelist()[0].partition("/")[0]
        for name in old.namelist():
            new.writestr(name, change(name.partition("/")[2], old.read(name)))
        for name, content in (more or {}).items():
            new.writestr(f"{root}/{name}", content)
    return target


def in_graph(edit):
    """A change of ``models/model.json``."""

    def change(name, content):
        if name != "models/model.json":
            return content
        values = json.loads(content)
        edit(values)
        return json.dumps(values).encode()

    return change


def nodes(values):
    return values["graph_module"]["graph"]["nodes"]


def test_a_program_computes_what_its_network_does(small):
    network, path = small
    program, texts = load_program(path)
    for size in ((1, 3, 9, 9), (3, 3, 20, 14)):
        images = torch.randint(0, 256, size, dtype=torch.uint8)
        assert torch.equal(program.module()(images), network(images))
    assert texts == {}


@pytest.mark.parametrize("raw", [False, True])
def test_what_i2i_exports_needs_no_trust(tmp_path, raw, exported):
    run, reports = exported
    size = {"size": (21, 40), "batch": 1}  # of any size is the other
    report = i2i.export(run, tmp_path / "model.pt2", raw=True, **size) if raw else reports["images.pt2"]
    trusting, careful = (i2i.load(report.path, device="cpu", trust=trust) for trust in (True, False))
    image = torch.rand(3, 21, 40).mul(255).round() / 127.5 - 1
    assert torch.equal(trusting(image), careful(image))


def pickled(kind):
    """Descriptions of a tensor as a pickle, in the place where torch keeps them."""

    def change(name, content):
        if name != f"data/{kind}s/model_{kind}s_config.json":
            return content
        values = json.loads(content)
        key, entry = next(iter(values["config"].items()))
        values["config"][key] = {**entry, "use_pickle": True, "tensor_meta": None}
        return json.dumps(values).encode()

    return change


def test_example_inputs_are_not_unpickled(small, tmp_path):
    network, path = small
    marker = tmp_path / "ran"

    def change(name, content):
        return pickle.dumps(Marker(marker)) if name == "data/sample_inputs/model.pt" else content

    program, _ = load_program(rewrite(path, tmp_path / "file.pt2", change))
    images = torch.randint(0, 256, (1, 3, 9, 9), dtype=torch.uint8)
    assert torch.equal(program.module()(images), network(images))
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["weight", "constant"])
def test_pickled_tensors_are_refused_and_not_unpickled(small, tmp_path, kind):
    marker = tmp_path / "ran"
    _, path = small
    folder, prefix = f"data/{kind}s/", "weight_" if kind == "weight" else "tensor_"
    payload = pickle.dumps(Marker(marker))

    def change(name, content):
        return payload if name.startswith(f"{folder}{prefix}") else pickled(kind)(name, content)

    with pytest.raises(CheckpointError, match=r"is pickled.*--trust.*trust=True"):
        load_program(rewrite(path, tmp_path / "file.pt2", change))
    assert not marker.exists()


@pytest.mark.parametrize(
    "name",
    ["data/constants/opaque_obj_0", "data/constants/custom_obj_0", "data/weights/model.pt", "data/constants/model.pt",
     "data/aotinductor/model/code.so", "models/other.json", "data/weights/../../code.py", "code/__torch__.py"],
)  # fmt: skip
def test_members_that_are_not_of_weights_and_a_graph_are_refused(small, tmp_path, name):
    marker = tmp_path / "ran"
    file = rewrite(small[1], tmp_path / "file.pt2", more={name: pickle.dumps(Marker(marker))})
    with pytest.raises(CheckpointError, match=r"holds more than weights.*--trust"):
        load_program(file)
    assert not marker.exists()


def set_target(target):
    return lambda values: nodes(values)[0].update(target=target)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (set_target("torch.save"), "not an operator of PyTorch's own"),
        (set_target("torch.ops.aten.from_file.default"), "opens files"),
        (set_target("torch.ops.other_package.run.default"), "not an operator of PyTorch's own"),
        (set_target("_operator.pow"), "not an operator of PyTorch's own"),
        (lambda values: nodes(values)[0].update(name="two words"), "used as a name"),
        (lambda values: nodes(values)[0]["inputs"][0].update(name="a=b"), "used as a name"),
        (lambda values: values["range_constraints"].update({"s0()": {"min_val": 2, "max_val": 9}}), "used as a key"),
        (lambda values: values["graph_module"]["graph"].update(custom_obj_values={"a": {"name": "a"}}), "objects"),
        (
            lambda values: values["graph_module"]["module_call_graph"][0]["signature"].update(
                out_spec='[1, {"type": "some.class", "context": "null", "children_spec": []}]'
            ),
            "some.class",
        ),
        *(
            (lambda values, formula=formula: values["graph_module"]["graph"]["sym_int_values"].update(
                s0={"as_expr": {"expr_str": formula, "hint": None}}), said)
            for formula, said in (
                ("print(1)", "not a formula of"), ("Symbol('s0').name", "not a formula of"),
                ("Integer(9)**Integer(9)", "not a formula of"), ("Pow(Integer(9), Integer(99))", "not a formula of"),
                ("[s0 for s0 in s1]", "not a formula of"), ("Symbol('two words')", "not a formula of"),
                ("(" * 500, "not a formula"), ("1+" * 9000 + "1", "a formula of"), (f"{10**40}", "not a formula of"),
            )
        ),
    ],
)  # fmt: skip
def test_texts_that_torch_would_look_up_or_evaluate_are_checked(small, tmp_path, edit, said):
    file = rewrite(small[1], tmp_path / "file.pt2", in_graph(edit))
    with pytest.raises(CheckpointError, match=f"{said}.*--trust"):
        load_program(file)


def test_guards_and_remarks_are_left_out(small, tmp_path):
    def edit(values):
        values["guards_code"] = ["1 == 2"]
        nodes(values)[0]["metadata"]["source_fn_stack"] = "a,torch.save"

    program, _ = load_program(rewrite(small[1], tmp_path / "file.pt2", in_graph(edit)))
    assert program.module()(torch.zeros(1, 3, 9, 9, dtype=torch.uint8)).shape == (1, 4)


def test_archives_that_torch_does_not_write(small, tmp_path):
    with pytest.raises(CheckpointError, match="compressed"):
        load_program(rewrite(small[1], tmp_path / "small.pt2", method=zipfile.ZIP_DEFLATED))
    twice = tmp_path / "twice.pt2"
    with pytest.warns(UserWarning, match="Duplicate name"):
        rewrite(small[1], twice, more={"models/model.json": b"{}"})
    with pytest.raises(CheckpointError, match=r"models/model\.json twice"):
        load_program(twice)
    old = tmp_path / "old.pt2"
    with zipfile.ZipFile(old, "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
    with pytest.raises(CheckpointError, match=r"before 2\.8.*--trust"):
        load_program(old)


def test_who_trusts_a_file_has_it_loaded_as_it_is(small, tmp_path):
    """Here one that is in a form of its own: with the guards that i2i leaves out otherwise."""
    file = rewrite(small[1], tmp_path / "file.pt2", in_graph(lambda values: values.update(guards_code=["1 == 2"])))
    images = torch.zeros(1, 3, 9, 9, dtype=torch.uint8)
    load_program(file)[0].module()(images)
    with pytest.raises(AssertionError, match="Guard failed"):
        load_program(file, trust=True)[0].module()(images)


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("how", ["text", "empty", "half", "no graph", "weights short", "not JSON", "graph of lists"])
def test_a_damaged_file_is_one_line_and_no_log(small, tmp_path, how, trust, caplog, capfd):
    file, content = tmp_path / "file.pt2", small[1].read_bytes()

    def change(name, content):
        if how == "weights short" and name == "data/weights/weight_0":
            return content[:8]
        if name == "models/model.json":
            return {"not JSON": b"{", "graph of lists": b"[]"}.get(how, content)
        return content

    if how in ("weights short", "not JSON", "graph of lists"):
        rewrite(small[1], file, change)
    elif how == "no graph":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("small/archive_format", "pt2")
    else:
        file.write_bytes({"text": b"hello", "empty": b"", "half": content[: len(content) // 2]}[how])
    with pytest.raises(CheckpointError, match="is not a PT2 archive, or is damaged") as caught:
        load_program(file, trust=trust)
    assert "\n" not in str(caught.value)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of POSIX")
@pytest.mark.parametrize("suffix", [".pt2", ".onnx"])
def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path, suffix):
    pipe = tmp_path / f"pipe{suffix}"
    os.mkfifo(pipe)
    with pytest.raises(CheckpointError, match="is a pipe"):
        i2i.load(pipe)
    folder = tmp_path / f"folder{suffix}"
    folder.mkdir()
    with pytest.raises(CheckpointError, match=r"is not a trained model \(no checkpoint.json"):
        i2i.load(folder)
    with socket.socket(socket.AF_UNIX) as listening:
        place = tmp_path / f"s{suffix}"
        listening.bind(str(place))
        with pytest.raises(CheckpointError, match="is a socket"):
            i2i.load(place)


def test_threads_load_at_once(small):
    network, path = small
    images = torch.randint(0, 256, (1, 3, 9, 9), dtype=torch.uint8)
    results, begin = [], threading.Barrier(4)

    def work():
        begin.wait()
        results.append(torch.equal(load_program(path)[0].module()(images), network(images)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4
