"""A generator that runs batches on a device: with its result checked, and without leaving a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from i2i.errors import ConfigError, DivergedError, I2IError, PluginError
from i2i.models.info import TranslatorInfo
from i2i.plugins.calls import explain, show_trace
from i2i.plugins.plugin_files import provider
from i2i.tensors.devices import check_device
from i2i.tensors.inference import leaving_no_trace, own_random_numbers
from i2i.tensors.padding import Size, padded_size
from i2i.translation.failures import cannot_translate, diverged

Precision = Literal["fp32", "bf16"]


class NetworkRunner:
    """Runs a generator; see :class:`~i2i.translation.translator.Runner`.

    Attributes:
        network: the generator, in the mode that ``info.inference`` asks for.
        info: what it is.
        precision: ``fp32``, or ``bf16`` for autocast.
        device: where it computes.

    Args:
        network: the generator, with its weights.
        info: what it is.
        device: where to compute: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: see the attributes.

    Raises:
        ConfigError: device or precision do not exist here.
    """

    def __init__(
        self, network: nn.Module, info: TranslatorInfo, *, device: str = "auto", precision: Precision = "fp32"
    ) -> None:
        if precision not in ("fp32", "bf16"):
            raise ConfigError(f"precision must be 'fp32' or 'bf16'; got {precision!r}")
        self.network = network.requires_grad_(False).train(info.inference == "paper")
        self.info = info
        self.precision: Precision = precision
        self.move(device)

    def padded_size(self, size: Size) -> Size:
        """The ``(height, width)`` that images of this size must be padded to."""
        return padded_size(size, self.info.size_multiple, self.info.smallest_size)

    def move(self, device: str | torch.device) -> None:
        """Compute on another device from now on.

        Raises:
            ConfigError: the device does not exist here.
        """
        self.device = check_device(str(device))
        self.network.to(self.device)

    def run(self, batch: Tensor) -> Tensor:
        """Translate ``[N, in_channels, H, W]``, float32 in [-1, 1], of a size from :meth:`padded_size`.

        Under ``"paper"`` inference images are computed one by one: neither dropout nor the statistics of batch norm
        depend on what is translated beside an image.

        Returns:
            ``[N, out_channels, H, W]``, float32 in [-1, 1], on :attr:`device`.

        Raises:
            DataError: the network refuses the images, or there is not enough memory for them.
            DivergedError: the network gave NaN or infinity.
            PluginError: the network gave images of another size or other channels than it must.
        """
        if self.info.inference == "paper" and len(batch) > 1:
            return torch.cat([self.run(image) for image in torch.split(batch, 1)])
        generator = f"generator {self.info.generator}"
        try:
            with self._leaving_no_trace(), self.computing():
                output = self.network(batch.to(self.device))
        except I2IError:
            raise
        except (RuntimeError, ValueError) as error:  # refused by a layer, or out of memory
            height, width = batch.shape[2:]
            show_trace(error)
            generator += "" if self.info.package.startswith("i2i ") else f" of {provider(self.info.package)}"
            raise cannot_translate(generator, len(batch), (height, width), error) from error
        except (Exception, SystemExit) as error:
            raise explain(error, self.network, f"{generator}: translating") from error
        expected = (batch.shape[0], self.info.out_channels, *batch.shape[2:])
        if not isinstance(output, Tensor) or tuple(output.shape) != expected:
            got = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise PluginError(
                f"generator {self.info.generator!r} of {provider(self.info.package)} gave {got} for images of shape "
                f"{list(batch.shape)}; expected {list(expected)}"
            )
        output = output.float()
        if not torch.isfinite(output).all():
            raise self.diverged()
        return output

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute the network's layers as :meth:`run` does: without gradients, in its precision."""
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            yield

    def diverged(self) -> DivergedError:
        """The error for values of the network that are not finite."""
        return diverged(
            f"generator {self.info.generator} of {self.info.checkpoint}",
            "use an earlier checkpoint, or precision fp32",
        )

    @contextmanager
    def _leaving_no_trace(self) -> Iterator[None]:
        """Under ``"paper"`` inference, give dropout random numbers of its own and put running statistics back."""
        if self.info.inference != "paper":
            yield
            return
        with leaving_no_trace([self.network], paper=True), own_random_numbers():
            yield

    def __str__(self) -> str:
        return f"generator {self.info.generator}, {self.info.origin}"
