"""The private names of torch that i2i uses, and what is done where a release of torch does not have them.

They were read in torch 2.13; ``tests/tensors/test_torch_private.py`` looks each of them up. Nothing here is needed to
import i2i: what torch cannot answer becomes ``None``, or raises when it is needed. Those that the
training loop uses are in ``training``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import IO, TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

READ_IN = "2.13"
"""The release of torch that has all of these names, with the meaning that they have here."""

NAMES = (
    "torch._C._dispatch_has_kernel",
    "torch._C._dispatch_has_kernel_for_dispatch_key",
    "torch._C._functorch.TransformType",
    "torch._C._functorch.get_interpreter_stack",
    "torch.autograd.forward_ad._current_level",
    "torch.cuda._is_in_bad_fork",
    "torch.export._trace._ignore_backend_decomps",
    "torch.export.pt2_archive._package.load_pt2",
    "torch.nn.modules.module._has_any_global_hook",
    "torch.ops.aten.add.Tensor._schema",
    "torch.utils._python_dispatch.TorchDispatchMode",
)

_Function = TypeVar("_Function", bound=Callable[..., Any])
_ABSENT = object()

if TYPE_CHECKING:
    from torch.utils._python_dispatch import TorchDispatchMode as TorchDispatchMode
else:
    try:
        from torch.utils._python_dispatch import TorchDispatchMode
    except ImportError:

        class TorchDispatchMode:
            """Stands where torch has no such class, so that only those who need it notice."""

            def __init__(self) -> None:
                raise absent("torch.utils._python_dispatch.TorchDispatchMode")


def absent(name: str) -> RuntimeError:
    """Return the error for a name that is needed and not there."""
    return RuntimeError(f"torch {torch.__version__} has no {name}, which i2i uses as it was in torch {READ_IN}")


def find(name: str) -> Any:
    """Return what a dotted name stands for, or ``None`` where torch does not have it."""
    module, _, rest = name.partition(".")
    found: Any = importlib.import_module(module)
    for part in rest.split("."):
        module = f"{module}.{part}"
        following = getattr(found, part, _ABSENT)
        if following is _ABSENT:
            try:
                following = importlib.import_module(module)
            except ImportError:
                return None
        found = following
    return found


# ---------------------------------------------------------------------------------------------- derivatives


def takes_derivatives() -> bool | None:
    """Whether torch.func.grad, torch.func.jvp or a forward-mode derivative is at work; ``None`` if torch won't say."""
    level = getattr(torch.autograd.forward_ad, "_current_level", None)
    functorch = getattr(torch._C, "_functorch", None)
    stack = getattr(functorch, "get_interpreter_stack", None)
    kinds = getattr(functorch, "TransformType", None)
    if level is None or stack is None or kinds is None:
        return None
    return level >= 0 or any(transform.key() in (kinds.Grad, kinds.Jvp) for transform in stack() or ())


# ------------------------------------------------------------------------------------------------ operators


def has_kernel(operator: str, dispatch_key: str) -> bool | None:
    """Whether an operator such as ``"i2i::residual_block"`` is registered for ``"CPU"`` or ``"CUDA"``, or ``None``."""
    ask = getattr(torch._C, "_dispatch_has_kernel_for_dispatch_key", None)
    return None if ask is None else bool(ask(operator, dispatch_key))


def is_overload(target: Any) -> bool:
    """Whether this is an operator with its overload, such as ``torch.ops.aten.add.Tensor``."""
    return isinstance(target, type(torch.ops.aten.add.Tensor))


def is_dispatched(operator: Any) -> bool:
    """Whether an overload is one that torch dispatches by its tensors.

    Raises:
        RuntimeError: torch won't say.
    """
    ask = getattr(torch._C, "_dispatch_has_kernel", None)
    if ask is None:
        raise absent("torch._C._dispatch_has_kernel")
    return bool(ask(operator.name()))


def arguments_of(operator: Any) -> Sequence[Any] | None:
    """Return the declared arguments of an overload; ``None`` for what is not one."""
    schema = getattr(operator, "_schema", None)
    return None if schema is None else schema.arguments


def constant_when_compiled(function: _Function) -> _Function:
    """Have torch.compile take what a function returns for a constant.

    This is all that ``torch.compiler.assume_constant_result`` does, except importing the compiler: more than a second
    of every start. Where torch names the mark otherwise, it compiles the function.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


# ------------------------------------------------------------------------------------------------------ modules

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
"""Where a module keeps its hooks."""

_any_global_hook = getattr(nn.modules.module, "_has_any_global_hook", None)


def has_hooks(modules: Iterable[nn.Module]) -> bool:
    """Whether a call of any of these modules calls a hook, its own or one for all modules."""
    if _any_global_hook is not None and _any_global_hook():
        return True
    return any(getattr(module, name, None) for module in modules for name in HOOKS)


# ----------------------------------------------------------------------------------------- devices, exporting


def in_bad_fork() -> bool:
    """Whether this process was forked from one that had used CUDA; without the name torch's own error comes later."""
    ask = getattr(torch.cuda, "_is_in_bad_fork", None)
    return ask is not None and bool(ask())


@contextmanager
def backends_stay_on() -> Iterator[None]:
    """Have torch.export leave oneDNN, NNPACK and cuDNN on, which it turns off for all threads while it traces.

    One thread at a time. Where the private name is another one, torch does it its own way.
    """
    from torch.export import _trace  # here, because it takes a second, and most of what is translated is not traced

    name = "_ignore_backend_decomps"
    kept = getattr(_trace, name, None)
    if kept is None:
        yield
        return
    setattr(_trace, name, nullcontext)
    try:
        yield
    finally:
        setattr(_trace, name, kept)


def load_pt2(file: IO[bytes]) -> Any:
    """Load an archive of programs, without torch.export.load's fallback to older formats.

    Raises:
        RuntimeError: torch has no such function.
    """
    load = find("torch.export.pt2_archive._package.load_pt2")
    if load is None:
        raise absent("torch.export.pt2_archive._package.load_pt2")
    return load(file)
