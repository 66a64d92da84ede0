"""The private names of torch are what they were when they were read, and i2i does without them where it can."""

import io
import subprocess
import sys

import pytest
import torch
from torch.export import _trace
from torch.export.pt2_archive import _package

from i2i.ops import reason_against_fused
from i2i.tensors import torch_private


@pytest.mark.parametrize("name", torch_private.NAMES)
def test_this_torch_has_the_name(name):
    """Read in torch 2.13. A name that is gone: see what replaced it, mend torch_private.py, and put READ_IN up."""
    assert torch_private.find(name) is not None, f"torch {torch.__version__}, read in {torch_private.READ_IN}"


def test_a_name_that_is_not_there_is_none():
    assert torch_private.find("torch.no_such_name") is None
    assert torch_private.find("torch.autograd.no_such_name.below") is None


def test_the_mark_of_constants_is_the_one_that_torch_sets():
    ours = torch_private.constant_when_compiled(lambda: 1)
    assert vars(ours) == vars(torch.compiler.assume_constant_result(lambda: 1))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_derivatives_are_seen_while_they_are_taken():
    seen = []

    def watched(x):
        seen.append(torch_private.takes_derivatives())
        return x.sum()

    x = torch.ones(2)
    watched(x)
    torch.func.grad(watched)(x)
    torch.func.jvp(watched, (x,), (x,))
    torch.func.vmap(watched)(x[None])
    with torch.autograd.forward_ad.dual_level():
        watched(x)
    assert seen == [False, True, True, False, True]


def test_operators_and_their_arguments_are_told_from_other_functions():
    add = torch.ops.aten.add.Tensor
    assert torch_private.is_overload(add)
    assert torch_private.is_dispatched(add)
    assert [argument.name for argument in torch_private.arguments_of(add)] == ["self", "other", "alpha"]
    assert not torch_private.is_overload(torch.add)
    assert torch_private.arguments_of(torch.add) is None
    assert torch_private.has_kernel("aten::mm", "CPU") is True
    assert torch_private.has_kernel("aten::mm", "QuantizedCPU") is False


WITHOUT = """
import importlib, pkgutil, sys, torch, torch.export.pt2_archive._package, torch.export._trace, torch.utils.checkpoint

for name in sys.argv[1:]:
    place, _, last = name.rpartition(".")
    if place != "torch.ops.aten.add.Tensor":  # one of all operators
        delattr(eval(place), last)

import i2i.ops, i2i.tensors
from i2i.tensors import torch_private

assert [name for name in sys.argv[1:] if torch_private.find(name)] == ["torch.ops.aten.add.Tensor._schema"]
for package in (i2i.ops, i2i.tensors):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
try:
    torch_private.TorchDispatchMode()
except RuntimeError as error:
    print(error)
"""


def test_the_operators_are_imported_without_the_names():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *torch_private.NAMES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{torch_private.absent('torch.utils._python_dispatch.TorchDispatchMode')}\n"


@pytest.mark.parametrize("kind", ["forward", "forward_pre", "full_backward", "full_backward_pre"])
def test_hooks_of_a_module_are_seen(kind):
    module, other = torch.nn.ReLU(), torch.nn.ReLU()
    handle = getattr(module, f"register_{kind}_hook")(lambda *_: None)
    assert torch_private.has_hooks([other, module])
    assert not torch_private.has_hooks([other])
    handle.remove()
    assert not torch_private.has_hooks([module])


def test_a_hook_for_all_modules_is_seen():
    handle = torch.nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert torch_private.has_hooks([])
    finally:
        handle.remove()
    assert not torch_private.has_hooks([])


@pytest.mark.parametrize(
    ("holder", "name"),
    [
        (torch._C._functorch, "get_interpreter_stack"),
        (torch._C._functorch, "TransformType"),
        (torch.autograd.forward_ad, "_current_level"),
    ],
)
def test_where_torch_does_not_tell_derivatives_the_operators_do_not_run_fused_and_say_so(monkeypatch, holder, name):
    x = torch.ones(1, 64, 32, 32)
    monkeypatch.setattr("i2i.ops.native.library.why_missing", lambda *_: None)
    assert reason_against_fused("instance_norm_act", x, "fused") is None
    monkeypatch.delattr(holder, name)
    assert torch_private.takes_derivatives() is None
    told = f"torch {torch.__version__} does not tell i2i, made for 2.13, when forward-mode derivatives are taken"
    assert reason_against_fused("instance_norm_act", x, "fused") == told


def test_what_cannot_be_asked_is_not_known_or_raises_with_the_name(monkeypatch):
    monkeypatch.delattr(torch._C, "_dispatch_has_kernel_for_dispatch_key")
    assert torch_private.has_kernel("aten::mm", "CPU") is None
    monkeypatch.undo()
    monkeypatch.delattr(torch._C, "_dispatch_has_kernel")
    with pytest.raises(RuntimeError, match=r"has no torch\._C\._dispatch_has_kernel, which i2i uses as it was in"):
        torch_private.is_dispatched(torch.ops.aten.add.Tensor)
    monkeypatch.undo()
    monkeypatch.delattr(torch.cuda, "_is_in_bad_fork")
    assert torch_private.in_bad_fork() is False
    monkeypatch.delattr(_package, "load_pt2")
    with pytest.raises(RuntimeError, match=r"has no torch\.export\.pt2_archive\._package\.load_pt2"):
        torch_private.load_pt2(io.BytesIO())
    monkeypatch.delattr(_trace, "_ignore_backend_decomps")
    with torch_private.backends_stay_on():
        assert not hasattr(_trace, "_ignore_backend_decomps")
