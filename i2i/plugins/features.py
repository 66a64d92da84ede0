"""Activations of a network's inner layers, by the names that its spec gives them: its taps.

A spec names layers from shallow to deep, such as ``{"down1": "model.4"}``; i2i notes them on each network it builds.
:func:`tapped` runs the network and hands over what those layers computed::

    encoder = tapped(generator, ["down1", "block1"])
    fake, of_real = encoder(real)  # the output, and activations by name
    of_fake = encoder.encode(fake)  # activations alone: nothing runs behind the deepest of these layers
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from i2i.errors import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor, nn

_MARK = "_i2i_taps"
"""The attribute of a network that holds its taps: copies of the network, such as a moving average, have it, too."""


def name_taps(network: nn.Module, taps: Mapping[str, str]) -> None:
    """Give a network's layers names, from shallow to deep; i2i does so for every network that it builds.

    Args:
        network: such as a generator.
        taps: each name with the path of the layer, as in ``network.get_submodule``.

    Raises:
        ValueError: there is no such layer.
    """
    layers = {path for path, _ in network.named_modules(remove_duplicate=False)} - {""}
    for name, path in taps.items():
        if path not in layers:
            raise ValueError(f"{_kind(network)} has no layer {path!r}, which is to be tap {name!r}")
    setattr(network, _MARK, dict(taps))


def taps_of(network: nn.Module) -> Mapping[str, str]:
    """The taps of a network, each with its layer's path, from shallow to deep; empty if nobody named any.

    One that is wrapped by ``torch.compile``, ``DistributedDataParallel`` or an ``AveragedModel`` has those of the
    network inside.
    """
    taps: Mapping[str, str] = getattr(_unwrapped(network), _MARK, {})
    return taps


def tapped(network: nn.Module, names: Sequence[str]) -> Tapped:
    """Make a function that runs a network and gives the activations of some of its layers.

    Args:
        network: any network that i2i built, or whose layers got names by :func:`name_taps`, also if it is wrapped by
            ``torch.compile``, ``DistributedDataParallel`` or an ``AveragedModel``. One that is compiled runs as it is
            written, for compiled code has no layers.
        names: of its taps.

    Raises:
        ValueError: it has no tap of such a name.
    """
    taps = taps_of(network)
    for name in names:
        if name not in taps:
            known = f"its taps: {', '.join(taps)}" if taps else "it has none: its spec names no taps"
            raise ValueError(f"{_kind(_unwrapped(network))} has no tap {name!r}{did_you_mean(name, taps)} ({known})")
    return Tapped(network, {name: taps[name] for name in names})


@dataclass(frozen=True)
class Tapped:
    """A network that gives its output and the activations of some layers; see :func:`tapped`.

    Nothing stays behind on the network between two calls. Activations are part of the graph for gradients.

    Attributes:
        network: it runs as it is: in its mode, on its device.
        taps: names and paths of the layers.
    """

    network: nn.Module
    taps: Mapping[str, str]

    def __call__(self, images: Tensor) -> tuple[Any, dict[str, Tensor]]:
        """Run the network on ``[N, C, H, W]``; return its output, and the activations by name.

        Raises:
            ValueError: a layer is not run, is run several times, or what it computed is changed in place afterwards.
            TypeError: a layer gives no tensor.
        """
        with _Watch(self.network, self.taps) as watch:
            output = self.network(images)
        return output, watch.activations()

    def encode(self, images: Tensor) -> dict[str, Tensor]:
        """Run the network as far as the last of the layers; return the activations by name.

        Raises:
            RuntimeError: the network is in ``DistributedDataParallel``, which averages the gradients of whole outputs
                alone, and gradients are recorded.
            ValueError: as for a whole call.
            TypeError: as for a whole call.
        """
        import torch

        if torch.is_grad_enabled() and _is_distributed(self.network):
            raise RuntimeError(
                "encode() cannot record gradients of a network in DistributedDataParallel, which would not average "
                "them: call it for its output as well, and let that be part of the loss"
            )
        with _Watch(self.network, self.taps, stop=True) as watch, suppress(_AllSeen):
            _unwrapped(self.network)(images)
        return watch.activations()


class _AllSeen(BaseException):
    """Ends a run behind the last tap; no exception of the network's own handlers."""


class _Watch:
    """Hooks on the layers while a network runs.

    Args:
        network: the network.
        taps: names and paths of the layers.
        stop: end the run behind the last of them.
    """

    def __init__(self, network: nn.Module, taps: Mapping[str, str], *, stop: bool = False) -> None:
        self.network, self.taps, self.stop = network, taps, stop
        self._seen: dict[str, tuple[Tensor, int | None]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> _Watch:
        inside = _unwrapped(self.network)
        with ExitStack() as stack:
            if "torch._dynamo" in sys.modules:  # else nothing can be compiled
                import torch

                stack.enter_context(torch.compiler.set_stance("force_eager"))
            for name, path in self.taps.items():
                handle = inside.get_submodule(path).register_forward_hook(partial(self._note, name))
                stack.callback(handle.remove)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def activations(self) -> dict[str, Tensor]:
        """What was seen, in the order of the taps."""
        for name, path in self.taps.items():
            if name not in self._seen:
                raise ValueError(f"tap {name!r} must be a layer that runs; {path!r} of {_kind(self.network)} did not")
            tensor, version = self._seen[name]
            if version != _version(tensor):
                raise ValueError(
                    f"tap {name!r} must be a layer whose output stays; what {path!r} of {_kind(self.network)} gave was "
                    "changed in place by a later layer: name that one, or have it work out of place"
                )
        return {name: self._seen[name][0] for name in self.taps}

    def _note(self, name: str, layer: nn.Module, _: Any, output: Any) -> None:
        import torch

        if name in self._seen:
            raise ValueError(f"tap {name!r} must be a layer that runs once; {self.taps[name]!r} ran again")
        if not isinstance(output, torch.Tensor):
            kind = type(output).__name__
            raise TypeError(f"tap {name!r} must be a layer that gives a tensor; {_kind(layer)} gave {kind}")
        self._seen[name] = output, _version(output)
        if self.stop and len(self._seen) == len(self.taps):
            raise _AllSeen


def _version(tensor: Tensor) -> int | None:
    """How often a tensor was changed in place; those of inference mode do not count."""
    return None if tensor.is_inference() else tensor._version


def _unwrapped(network: nn.Module) -> nn.Module:
    """The network inside what compiles, distributes or averages it."""
    *_, innermost = _from_outside(network)
    return innermost


def _is_distributed(network: nn.Module) -> bool:
    from torch.nn.parallel import DistributedDataParallel

    return any(isinstance(each, DistributedDataParallel) for each in _from_outside(network))


def _from_outside(network: nn.Module) -> Iterator[nn.Module]:
    """The wrappers of a network, the outermost first, then the network."""
    from torch.nn.parallel import DistributedDataParallel
    from torch.optim.swa_utils import AveragedModel

    inner: nn.Module | None = network
    while inner is not None:
        yield inner
        inside = "module" if isinstance(inner, AveragedModel | DistributedDataParallel) else "_orig_mod"  # compiled
        inner = getattr(inner, inside, None)


def _kind(module: nn.Module) -> str:
    return type(module).__name__
