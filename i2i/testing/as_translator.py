"""What is done with a generator once it is trained: it translates images of every size, and is exported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from i2i.errors import ConfigError, ExportError, I2IError
from i2i.exporting.formats import ExportFormat, choose_format
from i2i.models.exported_record import FixedShape
from i2i.models.info import TranslatorInfo
from i2i.plugins import GeneratorSpec, Options
from i2i.plugins.directions import Direction
from i2i.plugins.manager import PluginManager
from i2i.testing.results import BrokenPromiseError, Checklist, expect, positive
from i2i.translation.network_runner import NetworkRunner
from i2i.translation.translator import Translator

CHANNELS = 3
PAGE_SIDE = 256
"""Of the page that an exported file is compared on; ``i2i export`` takes a larger one."""
MAX_PIXELS = 1 << 20


@dataclass(frozen=True)
class UnderCheck:
    """A generator that was never trained, as if it had been.

    Attributes:
        network: in evaluation mode.
        portable: the same with PyTorch's operators alone, where it has a choice.
        info: what a checkpoint would say of it.
    """

    network: nn.Module
    portable: nn.Module
    info: TranslatorInfo


def translator_checks(
    checks: Checklist, spec: GeneratorSpec, options: Options, package: str, export_seconds: float | None
) -> None:
    """Check one generator.

    Args:
        checks: takes the results.
        spec: the generator.
        options: its options.
        package: who brought it, for messages.
        export_seconds: how long each export may take; ``None``: it is not exported.
    """

    def one_pixel() -> None:
        untrained = under_check(spec, options, package)
        translator = Translator(NetworkRunner(untrained.network, untrained.info, device="cpu"))
        image = torch.full((1, CHANNELS, 1, 1), 0.25)
        height, width = translator.padded_size((1, 1))
        try:
            (output,) = translator.translate([image])
        except I2IError as error:
            raise BrokenPromiseError(
                f"an image of one pixel, padded to {height} x {width}, is not translated: {error}; a network that "
                "takes no image of that size says so with smallest_size"
            ) from error
        expect(output.shape == image.shape, f"expected {list(image.shape)}; got {list(output.shape)}")

    checks.run("one pixel", one_pixel)
    if export_seconds is not None:
        for file_format in ("torch", "onnx"):
            checks.run(f"export to {file_format}", _exporting(spec, options, package, file_format, export_seconds))


def under_check(spec: GeneratorSpec, options: Options, package: str) -> UnderCheck:
    """Build a generator as if it had been trained."""

    def build(chosen: Options) -> nn.Module:
        torch.manual_seed(0)
        network = spec.build(chosen, in_channels=CHANNELS, out_channels=CHANNELS)
        assert isinstance(network, nn.Module)  # the first check says so
        return network.eval()

    network = portable = build(options)
    if "kernels" in type(options).model_fields:
        portable = build(options.model_copy(update={"kernels": "reference"}))
        portable.load_state_dict(network.state_dict())
    info = TranslatorInfo(
        checkpoint=Path("check"),
        step=None,
        method=None,
        direction=Direction.A_TO_B,
        directions=(Direction.A_TO_B,),
        domains=("A", "B"),
        generator=spec.name,
        options=options.model_dump(mode="json"),
        package=package,
        versions={},
        moving_average=False,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        value_range=(-1.0, 1.0),
        size_multiple=positive("size_multiple", spec.size_multiple(options)),
        background="#ffffff",
        max_pixels=MAX_PIXELS,
        inference="deterministic",
        metrics={},
        smallest_size=positive("smallest_size", spec.smallest_size(options)),
    )
    return UnderCheck(network, portable, info)


def _exporting(
    spec: GeneratorSpec, options: Options, package: str, file_format: str, seconds: float
) -> Callable[[], str | None]:
    """A check that exports to one format: for all sizes, or else for one, which is then remarked."""

    def export() -> str | None:
        try:
            chosen = choose_format(PluginManager({}), None, file_format)
        except ConfigError as error:
            return f"not tried: {error}"
        untrained = under_check(spec, options, package)
        try:
            export_once(untrained, chosen, seconds)
        except ExportError as error:
            try:
                export_once(untrained, chosen, seconds, one_size=True)
            except ExportError:
                raise BrokenPromiseError(str(error)) from error
            return f"for one size alone: {error}"
        return None

    return export


def export_once(
    untrained: UnderCheck,
    chosen: ExportFormat,
    seconds: float,
    *,
    one_size: bool = False,
    raw: bool = False,
    look: Callable[[Path], None] = lambda _: None,
) -> None:
    """Export a generator that was never trained, and compare.

    Args:
        untrained: the generator.
        chosen: the format.
        seconds: how long it may take.
        one_size: for the smallest size and one image alone.
        raw: for float tensors.
        look: called with the file before it is removed.

    Raises:
        ExportError: it cannot be exported, or the file gives other images.
    """
    from i2i.exporting.exporter import export_network, import_tracer

    import_tracer()
    runner = NetworkRunner(untrained.network, untrained.info, device="cpu")
    fixed = FixedShape(runner.padded_size((1, 1)), 1) if one_size else FixedShape()
    with TemporaryDirectory(prefix="i2i-check-") as folder:
        path = Path(folder, f"check{chosen.spec.suffix}")
        export_network(
            untrained.network,
            untrained.portable,
            untrained.info,
            path,
            chosen,
            raw=raw,
            fixed=fixed,
            timeout=seconds,
            largest_page=PAGE_SIDE,
        )
        look(path)
