"""Running networks without leaving a trace: in torch's random numbers, in the networks, in the caller's settings.

The global random state of torch belongs to the whole process. Seeding it for a while and restoring it is right only as
long as no other thread draws from it meanwhile: that thread would get our numbers, and have its own taken back. So what
is random here draws from generators of its own, and the global state is never touched.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from i2i.tensors.torch_private import TorchDispatchMode, arguments_of

PAPER_SEED = 0
"""Where the random numbers of dropout begin for each batch, so that one image always has one translation."""

_LOCKS: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()
_GLOBAL_STATE = threading.RLock()


_forked = False


def _in_forked_child() -> None:
    """Forget the locks: the threads that held them are not there to give them back. Nor are those that compute."""
    global _GLOBAL_STATE, _forked
    _LOCKS.clear()
    _GLOBAL_STATE = threading.RLock()
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)


def _compute_alone_if_forked() -> None:
    """Take one thread in a forked child: the pool of OpenMP, if it was used before, waits for threads left behind."""
    global _forked
    if not _forked:
        return
    _forked = False
    if torch.get_num_threads() > 1:
        torch.set_num_threads(1)
        warnings.warn(
            "this process was forked from one that had imported torch, whose threads a child does not have: i2i "
            "computes with one thread here; start it with multiprocessing's 'spawn' to have all of them",
            RuntimeWarning,
            stacklevel=4,
        )


@contextmanager
def leaving_no_trace(networks: Iterable[nn.Module], *, paper: bool) -> Iterator[None]:
    """Compute without gradients, in evaluation mode or as the papers' code does, and put everything back.

    Threads that run one network under ``paper`` take turns, for its running statistics are changed and put back.

    Args:
        networks: what is run.
        paper: keep dropout and the statistics of the batch on. Each batch is to be run under
            :func:`own_random_numbers`.
    """
    unique = sorted({id(network): network for network in networks}.values(), key=id)
    with ExitStack() as stack:
        for network in unique:
            stack.enter_context(_LOCKS.setdefault(network, threading.RLock()))
        stack.enter_context(torch.no_grad())
        modes = [(module, module.training) for network in unique for module in network.modules()]
        buffers = [{name: value.clone() for name, value in network.named_buffers()} for network in unique]
        for network in unique:
            network.train(paper)
        try:
            yield
        finally:
            for module, mode in modes:
                module.training = mode
            for network, kept in zip(unique, buffers, strict=True):
                for name, value in network.named_buffers():
                    value.copy_(kept[name])


@contextmanager
def own_random_numbers(seed: int = PAPER_SEED) -> Iterator[None]:
    """Let what this thread draws from torch's global random state come from generators of its own, seeded here.

    The numbers are those that ``torch.manual_seed(seed)`` would give. Operators that take no generator and have no
    sibling that does, such as an operator of a plugin's own, are run with the global state seeded and put back.
    """
    with _OwnRandomNumbers(seed):
        yield


class _OwnRandomNumbers(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # skipping would import the compiler, seconds, for a thing that is not compiled

    def __init__(self, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded not in func.tags or given.get("generator") is not None:
            return func(*args, **given)
        device = _device_of(args, given)
        if device.type == "meta":
            return func(*args, **given)
        if func is torch.ops.aten.native_dropout.default:
            return self._dropout(*args, **given)
        seeded = func if _takes_generator(func) else _sibling_with_generator(func)
        if seeded is not None:
            return seeded(*args, **{**given, "generator": self._generator(device)})
        return self._with_global_state(func, args, given, device)

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[device]

    def _dropout(self, images: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
        """What CUDA's dropout does in one kernel, which takes no generator."""
        if train is False or p == 0:
            return images.clone(), torch.ones_like(images, dtype=torch.bool)
        kept = torch.empty_like(images, dtype=torch.float32).bernoulli_(1 - p, generator=self._generator(images.device))
        scale = 0.0 if p == 1 else 1 / (1 - p)
        return images * kept.to(images.dtype) * scale, kept.bool()

    def _with_global_state(
        self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], device: torch.device
    ) -> Any:
        seed = int(torch.randint(2**62, (), generator=self._generator(torch.device("cpu")), device="cpu"))
        module = torch if device.type == "cpu" else torch.get_device_module(device)
        where = (device,) if device.type == "cuda" else ()
        with _GLOBAL_STATE:
            kept = module.get_rng_state(*where)
            try:
                module.set_rng_state(torch.Generator(device).manual_seed(seed).get_state(), *where)
                return func(*args, **kwargs)
            finally:
                module.set_rng_state(kept, *where)


def _takes_generator(func: Any) -> bool:
    return any(argument.name == "generator" for argument in arguments_of(func) or ())


def _sibling_with_generator(func: Any) -> Any | None:
    """The overload of ``rand`` and the like that takes a generator: ``default``'s is ``generator``."""
    name = str(func).rpartition(".")[2]
    siblings = ("generator", f"{name}_generator", name.replace("low_", "low_generator_"))
    for sibling in siblings[:1] if name == "default" else siblings[1:]:
        if sibling in func.overloadpacket.overloads():
            return getattr(func.overloadpacket, sibling)
    return None


def _device_of(args: Sequence[Any], kwargs: Mapping[str, Any]) -> torch.device:
    """Where an operator computes: on the device of its first tensor, else on the one it is given."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor):
            return value.device
    told = kwargs.get("device")
    return torch.device("cpu") if told is None else torch.device(told)


@contextmanager
def torchs_own_settings(*, grad: bool = False) -> Iterator[None]:
    """Undo for a while, in this thread, what its caller may have set: inference mode, autocast, a default device.

    torch's default dtype is one for all threads and is left alone: what is made here says its type.

    Args:
        grad: whether gradients are recorded.
    """
    _compute_alone_if_forked()
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.set_grad_enabled(grad))
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


@contextmanager
def float32_by_default() -> Iterator[None]:
    """Let torch's default dtype be float32 for a while, in all threads, as it is unless somebody changed it."""
    before = torch.get_default_dtype()
    if before == torch.float32:
        yield
        return
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
