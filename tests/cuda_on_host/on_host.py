"""The CUDA launchers, run on the CPU by the emulator, on torch tensors of the CPU."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

ASCENDING, DESCENDING, RANDOM = range(3)
TYPES = (torch.float32, torch.float16, torch.bfloat16)
RESIDENT, SPLIT, CHANNELS_LAST = range(3)
SLOPES = {"none": 1.0, "relu": 0.0, "leaky_relu": 0.2}
pointer, integer, real = ctypes.c_void_p, ctypes.c_int, ctypes.c_float


def _structure(name: str, **fields: Any) -> type[ctypes.Structure]:
    """A structure of csrc/cuda/arguments.h or plan.h."""
    return type(name, (ctypes.Structure,), {"_fields_": list(fields.items())})


Shape = _structure(
    "Shape", batch=ctypes.c_int64, channels=integer, height=integer, width=integer, padding=integer,
    channels_last=ctypes.c_bool, type=integer,
)  # fmt: skip
Forward = _structure(
    "Forward", shape=Shape, x=pointer, skip=pointer, weight=pointer, bias=pointer, float_parameters=ctypes.c_bool,
    eps=real, negative_slope=real, statistics_given=ctypes.c_bool, out=pointer, mean=pointer, rstd=pointer,
    workspace=pointer,
)  # fmt: skip
Backward = _structure(
    "Backward", shape=Shape, gradient=pointer, x=pointer, weight=pointer, bias=pointer,
    float_parameters=ctypes.c_bool, negative_slope=real, mean=pointer, rstd=pointer, dx=pointer, dskip=pointer,
    dweight=pointer, dbias=pointer, workspace=pointer,
)  # fmt: skip
Pad = _structure("Pad", shape=Shape, x=pointer, out=pointer)
Fold = _structure("Fold", shape=Shape, gradient=pointer, added=pointer, out=pointer)
Convolution = _structure(
    "Convolution", shape=Shape, x=pointer, weight=pointer, tile_moments=pointer, norm_weight=pointer,
    norm_bias=pointer, eps=real, mean=pointer, rstd=pointer, out=pointer, out_tile_moments=pointer,
)  # fmt: skip
TileStatistics = _structure("TileStatistics", shape=Shape, tile_moments=pointer, eps=real, mean=pointer, rstd=pointer)
Plan = _structure(
    "Plan", path=integer, threads=integer, splits=integer, writers=integer, shared_bytes=ctypes.c_size_t,
    workspace_floats=ctypes.c_int64,
)  # fmt: skip


class KernelError(Exception):
    """What the emulator found wrong, or the error of a launch."""


@dataclass(frozen=True)
class Launch:
    """One launch and the bytes of global memory that it asked for; ``wide_*``: of these, 16 at a time."""

    kernel: str
    grid: tuple[int, int]
    threads: int
    shared_bytes: int
    read: int
    written: int
    wide_read: int
    wide_written: int


class OnHost:
    """A library of ``library.cpp``, with settings that later calls keep to.

    Attributes:
        threads: of every block instead of the plan's, where not None.
        launches: of the last call.
    """

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.on_host_error.restype = ctypes.c_char_p
        self._library.on_host_launch.restype = ctypes.c_char_p
        self._library.on_host_tile_moments_floats.restype = ctypes.c_int64
        self.threads: int | None = None
        self.launches: list[Launch] = []
        self.last_plan: Any = None
        self.run_as()

    def run_as(self, order: int = ASCENDING, seed: int = 1, workers: int = 1, shared_memory: int = 99 << 10) -> None:
        """Set the order of threads and blocks, the garbage in shared memory, and the device's shared memory."""
        self._library.on_host_options(order, seed, workers, shared_memory)

    def instance_norm_act(
        self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, act: str = "relu", pad: int = 0,
        eps: float = 1e-5, given: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """``out, mean, rstd`` of the operator; with ``given`` statistics these are used."""
        return self._forward("on_host_act_forward", x, None, weight, bias, SLOPES[act], pad, eps, given)

    def instance_norm_add(
        self, x: Tensor, skip: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, pad: int = 0,
        eps: float = 1e-5,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        return self._forward("on_host_add_forward", x, skip, weight, bias, 1.0, pad, eps, None)

    def instance_norm_act_backward(
        self, gradient: Tensor, x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, rstd: Tensor,
        act: str = "relu", pad: int = 0,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:  # fmt: skip
        """``dx, dweight, dbias`` of the operator."""
        call = "on_host_act_backward"
        dx, _, dweight, dbias = self._backward(call, gradient, x, weight, bias, mean, rstd, SLOPES[act], pad, False)
        return dx, dweight, dbias

    def instance_norm_add_backward(
        self, gradient: Tensor, x: Tensor, weight: Tensor | None, mean: Tensor, rstd: Tensor, pad: int = 0,
        want_dskip: bool = True,
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:  # fmt: skip
        """``dx, dskip, dweight, dbias`` of the operator."""
        call = "on_host_add_backward"
        return self._backward(call, gradient, x, weight, None, mean, rstd, 1.0, pad, want_dskip)

    def reflection_pad(self, x: Tensor, pad: int) -> Tensor:
        shape, out = _shape(x, pad), _garbage_like(x, pad)
        self._call("on_host_pad", Pad(shape, _address(x), _address(out)), self._plan(3, shape), [x], [out])
        return out

    def reflection_pad_backward(self, gradient: Tensor, added: Tensor, pad: int) -> Tensor:
        """``added`` plus the gradient of the padding's input."""
        shape, out = _shape(added, pad), _garbage_like(added, 0)
        arguments = Fold(shape, _address(gradient), _address(added), _address(out))
        self._call("on_host_pad_backward", arguments, self._plan(3, shape), [gradient, added], [out])
        return out

    def reflect_convolution(
        self, x: Tensor, weight: Tensor, tile_moments: Tensor | None = None, norm_weight: Tensor | None = None,
        norm_bias: Tensor | None = None, eps: float = 1e-5,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """``out``, its tiles' moments, and with those of ``x`` the ``mean, rstd`` by which that was normalised.

        ``weight`` is ``[D, 3, 3, C]``.
        """
        shape, out = _shape(x, 1), _garbage_like(x, 0)
        moments = _garbage((self._library.on_host_tile_moments_floats(ctypes.byref(shape)),))
        mean, rstd = _garbage(x.shape[:2]), _garbage(x.shape[:2])
        arguments = Convolution(
            shape, _address(x), _address(weight), _address(tile_moments), _address(norm_weight), _address(norm_bias),
            eps, _address(mean), _address(rstd), _address(out), _address(moments),
        )  # fmt: skip
        read, written = [x, weight, tile_moments, norm_weight, norm_bias], [out, moments, mean, rstd]
        self._call("on_host_reflect_convolution", arguments, Plan(), read, written)
        return out, moments, mean, rstd

    def tile_statistics(self, x: Tensor, tile_moments: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
        """``mean, rstd`` of ``x`` from its tiles' moments."""
        mean, rstd = _garbage(x.shape[:2]), _garbage(x.shape[:2])
        arguments = TileStatistics(_shape(x, 1), _address(tile_moments), eps, _address(mean), _address(rstd))
        self._call("on_host_tile_statistics", arguments, Plan(), [tile_moments], [mean, rstd])
        return mean, rstd

    def _forward(
        self, call: str, x: Tensor, skip: Tensor | None, weight: Tensor | None, bias: Tensor | None, slope: float,
        pad: int, eps: float, given: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        shape, out = _shape(x, pad), _garbage_like(x, pad)
        mean, rstd = given if given is not None else (_garbage(x.shape[:2]), _garbage(x.shape[:2]))
        plan = self._plan(0 if given is None else 1, shape)
        workspace = _garbage((plan.workspace_floats,))
        is_float = weight is not None and weight.dtype == torch.float32
        arguments = Forward(
            shape, _address(x), _address(skip), _address(weight), _address(bias), is_float, eps, slope,
            given is not None, _address(out), _address(mean), _address(rstd), _address(workspace),
        )  # fmt: skip
        self._call(call, arguments, plan, [x, skip, weight, bias], [out, mean, rstd, workspace])
        return out, mean, rstd

    def _backward(
        self, call: str, gradient: Tensor, x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor,
        rstd: Tensor, slope: float, pad: int, want_dskip: bool,
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:  # fmt: skip
        shape, plan = _shape(x, pad), self._plan(2, _shape(x, pad))
        dx = _garbage_like(x, 0)
        dskip = _garbage_like(x, 0) if want_dskip else None
        dweight = None if weight is None else _garbage(weight.shape, weight.dtype)
        dbias = None if weight is None else _garbage(weight.shape, weight.dtype)
        workspace = _garbage((plan.workspace_floats,))
        is_float = weight is not None and weight.dtype == torch.float32
        arguments = Backward(
            shape, _address(gradient), _address(x), _address(weight), _address(bias), is_float, slope,
            _address(mean), _address(rstd), _address(dx), _address(dskip), _address(dweight), _address(dbias),
            _address(workspace),
        )  # fmt: skip
        read, written = [gradient, x, weight, bias, mean, rstd], [dx, dskip, dweight, dbias, workspace]
        self._call(call, arguments, plan, read, written)
        return dx, dskip, dweight, dbias

    def plan_forward(self, x: Tensor) -> Any:
        """How a forward pass over these images would be cut into blocks; no value is read."""
        return self._plan(0, _shape(x, 0))

    def _plan(self, kind: int, shape: Any) -> Any:
        plan = Plan()
        self._library.on_host_plan(kind, ctypes.byref(shape), ctypes.byref(plan))
        if self.threads is not None:
            plan.threads = self.threads if plan.path == RESIDENT else min(self.threads, 256)
        self.last_plan = plan
        return plan

    def _call(
        self, name: str, arguments: Any, plan: Any, read: list[Tensor | None], written: list[Tensor | None]
    ) -> None:
        self._library.on_host_forget()
        for tensors, writable in ((read, 0), (written, 1)):
            for tensor in tensors:
                if tensor is not None:
                    size = ctypes.c_size_t(tensor.numel() * tensor.element_size())
                    self._library.on_host_allow(_address(tensor), size, writable)
        function: Callable[..., int] = getattr(self._library, name)
        if function(ctypes.byref(arguments), ctypes.byref(plan)) != 0:
            raise KernelError(self._library.on_host_error().decode())
        self.launches = [self._launch(number) for number in range(self._library.on_host_launches())]

    def _launch(self, number: int) -> Launch:
        numbers = (ctypes.c_int64 * 8)()
        kernel = self._library.on_host_launch(number, numbers).decode()
        return Launch(kernel, (numbers[0], numbers[1]), *numbers[2:])


def _address(tensor: Tensor | None) -> Any:
    return ctypes.c_void_p(0 if tensor is None else tensor.data_ptr())


def _shape(x: Tensor, pad: int) -> Any:
    channels_last = not x.is_contiguous()
    assert x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)
    batch, channels, height, width = x.shape
    return Shape(batch, channels, height, width, pad, channels_last, TYPES.index(x.dtype))


def _garbage(size: Any, dtype: torch.dtype = torch.float32) -> Tensor:
    """What nobody wrote shows: NaN."""
    return torch.full(size, torch.nan, dtype=dtype)


def _garbage_like(x: Tensor, pad: int) -> Tensor:
    batch, channels, height, width = x.shape
    out = _garbage((batch, channels, height + 2 * pad, width + 2 * pad), x.dtype)
    return out if x.is_contiguous() else out.contiguous(memory_format=torch.channels_last)
