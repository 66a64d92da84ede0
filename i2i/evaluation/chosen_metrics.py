"""The metrics that somebody measures by: built, with what messages and reports call them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from i2i.config.components import build
from i2i.config.run_config import Choice
from i2i.config.sections import USUAL_METRICS
from i2i.config.sizes import too_small
from i2i.errors import ConfigError, PluginError
from i2i.plugins.calls import Called, calling
from i2i.plugins.component_options import Options
from i2i.plugins.directions import Direction
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import TrainingImages
from i2i.plugins.specs import MetricSpec
from i2i.tensors.pixels import to_uint8


@dataclass(frozen=True)
class ChosenMetric:
    """A metric, ready to measure.

    Attributes:
        spec: what it is.
        options: how it measures.
        called: what messages call it.
        device: where it measures.
        smallest: the smallest height and width that it can measure.
        asked: whether somebody asked for it by name: then it is measured, or an error says why not. Others are left out
            where they do not fit.
        make: builds it, for the direction that is measured.
        first: what was built to begin with.
    """

    spec: MetricSpec
    options: Options
    called: Called
    device: torch.device
    smallest: int
    asked: bool
    make: Callable[[Direction], Any]
    first: Any

    @property
    def name(self) -> str:
        """The name under which its values are stored."""
        return self.spec.name

    def fits(self, images: Tensor) -> bool:
        """Whether it can measure images of this size.

        Raises:
            ConfigError: it cannot, and somebody asked for it.
        """
        height, width = images.shape[-2:]
        if min(height, width) >= self.smallest:
            return True
        if self.asked:
            raise ConfigError(too_small(self.name, self.smallest, width, height))
        return False

    def measure(self, output: Tensor, truth: Tensor) -> Tensor:
        """One value an image, float64 ``[N]`` on the CPU.

        Args:
            output: ``[N, C, H, W]``, from :func:`as_seen`.
            truth: the same.

        Raises:
            PluginError: it fails, or gives something else.
        """
        with calling(self.called, f"measuring {self.name}"):
            values = self.first(output.to(self.device), truth.to(self.device))
        if not isinstance(values, Tensor) or values.shape != (len(output),):
            got = f"a tensor {list(values.shape)}" if isinstance(values, Tensor) else type(values).__name__
            raise PluginError(f"{self.called} gave {got} for {len(output)} images; expected a tensor [{len(output)}]")
        values = values.detach().cpu().double()
        if values.isnan().any() or (values.isinf().any() and not self.spec.unbounded):
            raise PluginError(
                f"{self.called} gave {values[~values.isfinite()][0].item()}; expected a finite value for each image"
            )
        return values


def build_metrics(
    manager: PluginManager,
    choices: Iterable[Choice],
    device: torch.device,
    *,
    asked: bool,
    training: TrainingImages | None = None,
) -> list[ChosenMetric]:
    """Build metrics, so that one that cannot be built ends a run before it begins.

    Args:
        manager: the plugins.
        choices: names and options.
        device: where they measure.
        asked: whether somebody asked for them by name.
        training: what those learn from that learn.

    Raises:
        PluginError: there is no such metric, or it cannot be built.
        DataError: one cannot learn.
    """

    def maker(choice: Choice) -> Callable[[Direction], Any]:
        if not manager.spec(MetricSpec, choice.name).learns:
            return lambda _: build(manager, "metric", choice, device=device)
        images = training or TrainingImages(None, "nothing says which they are")
        return lambda way: build(manager, "metric", choice, device=device, training=images, direction=way)

    chosen = []
    for choice in choices:
        make = maker(choice)
        chosen.append(
            ChosenMetric(
                manager.spec(MetricSpec, choice.name),
                choice.options,
                manager.find("metric", choice.name).called,
                device,
                int(manager.ask("metric", choice.name, "smallest_size", choice.options)),
                asked,
                make,
                make(Direction.A_TO_B),
            )
        )
    return chosen


def usual_metrics(manager: PluginManager, device: torch.device) -> list[ChosenMetric]:
    """The metrics of pairs that every run and every evaluation measures."""
    choices = [Choice(name, manager.spec(MetricSpec, name).options()) for name in USUAL_METRICS]
    return build_metrics(manager, choices, device, asked=False)


def of_family(metrics: Sequence[ChosenMetric], family: str) -> list[ChosenMetric]:
    """Those of ``"pairs"`` or ``"sets"``."""
    return [metric for metric in metrics if metric.spec.family == family]


def as_seen(images: Tensor) -> Tensor:
    """Images of any shape in [-1, 1], rounded to 8 bits as a person would see them, on the CPU."""
    return to_uint8(images).cpu().float() / 127.5 - 1
