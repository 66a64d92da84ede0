"""Writing a translator as a file that runs without i2i, and only if it gives the same images.

The graph that is exported holds everything from image to image (:mod:`i2i.exporting.image_to_image`) and standard
operators alone; batch, height and width stay open unless they are fixed. The file is written under a hidden name, run
in a process of its own (:mod:`i2i.exporting.comparison`) and renamed once its outputs agree.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from i2i.config.components import create
from i2i.environment.packages import require
from i2i.environment.quiet import exporting_quietly
from i2i.errors import ConfigError, ExportError, I2IError, PluginError, amount
from i2i.exporting.comparison import Check, batch_shapes, check, perhaps_one_size, tolerance
from i2i.exporting.exact_norm import with_exact_norms
from i2i.exporting.formats import ExportFormat
from i2i.exporting.image_to_image import ImageGraph, TensorGraph
from i2i.exporting.time_limit import TimeLimit
from i2i.files.atomic import replacing_together
from i2i.models import exported_record as metadata
from i2i.models.info import TranslatorInfo
from i2i.plugins.calls import calling, show_trace
from i2i.plugins.exporter_protocol import PreparingExporter, TracedTranslator
from i2i.plugins.manager import PluginManager
from i2i.plugins.plugin_files import provider
from i2i.plugins.specs import GeneratorSpec
from i2i.progress import working
from i2i.tensors.inference import float32_by_default, own_random_numbers, torchs_own_settings
from i2i.tensors.torch_private import is_overload
from i2i.tensors.tracing import TRACING
from i2i.translation.network_runner import NetworkRunner
from i2i.translation.translator import Translator

STANDARD_OPERATORS = ("aten", "prim", "prims")


@dataclass(frozen=True)
class ExportReport:
    """What was exported, and how well it agrees.

    Attributes:
        path: the file.
        format: ``"onnx"``, ``"torch"``, or a plugin's.
        raw: whether it takes float tensors instead of 8-bit images.
        size: of the file, in bytes, with those that belong to it.
        info: of the translator that it holds.
        fixed: what of its input is fixed.
        runtime: what ran it, such as ``"onnxruntime 1.32.0"``.
        checks: each batch that was compared with the translator.
        tolerance: the largest difference that was accepted: levels of 0..255, or of raw exports values in [-1, 1].
    """

    path: Path
    format: str
    raw: bool
    size: int
    info: TranslatorInfo
    fixed: metadata.FixedShape
    runtime: str
    checks: tuple[Check, ...]
    tolerance: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, fit for JSON."""
        return {**asdict(self), "path": str(self.path), "info": self.info.to_dict()}


@torchs_own_settings()
@float32_by_default()
def export_model(
    manager: PluginManager,
    network: nn.Module,
    info: TranslatorInfo,
    out: Path,
    chosen: ExportFormat,
    *,
    raw: bool = False,
    fixed: metadata.FixedShape = metadata.ANY_SHAPE,
    timeout: float | None = None,
    force: bool = False,
) -> ExportReport:
    """Export a generator, compare, and keep the file if it agrees.

    Args:
        manager: the plugins.
        network: the generator with its weights, on the CPU.
        info: what it is.
        out: the file.
        chosen: the format.
        raw: take and give float tensors ``[N, C, H, W]`` in [-1, 1] instead of 8-bit images ``[N, H, W, C]``.
        fixed: the size and the number of images that the file is made for; by default it takes any.
        timeout: seconds that it may take.
        force: whether a file that exists may be replaced.

    Raises:
        ConfigError: the file exists, cannot be written, or a package is missing; or the model translates at random.
        ExportError: the generator cannot be exported, the file does not give the same images, or the time is over;
            none is kept.
    """
    for place in (out, *map(out.with_suffix, chosen.spec.beside)):
        if place.exists() and not force:
            raise ConfigError(f"{place} exists; choose another name, or replace it with --force")
    if info.inference != "deterministic":
        raise ConfigError(
            f"the model's inference is {info.inference!r}, with dropout and the statistics of the batch, which no "
            "exported file does; export it with --inference deterministic"
        )
    standard = _with_standard_operators(manager, network, info)
    return export_network(network, standard, info, out, chosen, raw=raw, fixed=fixed, timeout=timeout, force=force)


@torchs_own_settings()
@float32_by_default()
def export_network(
    network: nn.Module,
    standard: nn.Module,
    info: TranslatorInfo,
    out: Path,
    chosen: ExportFormat,
    *,
    raw: bool = False,
    fixed: metadata.FixedShape = metadata.ANY_SHAPE,
    timeout: float | None = None,
    force: bool = False,
    largest_page: int | None = None,
) -> ExportReport:
    """Do what :func:`export_model` does, which has found out that it can be done.

    Args:
        network: the generator with its weights, on the CPU.
        standard: the same, with PyTorch's operators alone.
        info: what it is.
        out: the file.
        chosen: the format.
        raw: as there, like ``fixed``, ``timeout`` and ``force``.
        fixed: likewise.
        timeout: likewise.
        force: likewise.
        largest_page: the largest side of the page that the file is compared on, where that is not fixed.

    Raises:
        ConfigError: the file cannot be written, or does not take the values without ``raw``.
        ExportError: as there.
    """
    if not raw and not (info.in_range is None and info.out_range is None):
        raise ConfigError(
            f"generator {info.generator} takes or gives values in units of their own, and a file without --raw 8-bit "
            "images; export it with --raw: float tensors in [-1, 1]"
        )
    limit = TimeLimit(timeout, _more_time(fixed))
    translator = Translator(NetworkRunner(network, info, device="cpu"))
    standard = standard.requires_grad_(False).eval()
    if isinstance(chosen.exporter, PreparingExporter):
        with calling(chosen.called, "preparing the network"):
            standard = chosen.exporter.prepare(standard)
    graph = (TensorGraph if raw else ImageGraph)(standard, info.size_multiple, info.smallest_size)
    try:
        with replacing_together(out, chosen.spec.beside, replace=force, durable=True) as temporary:

            def trace_and_write() -> None:
                with working("tracing the generator"):
                    program = _trace(graph, info, raw=raw, fixed=fixed)
                record = metadata.describe(info, raw=raw, fixed=fixed)
                with working(f"writing {out}"):
                    _write(_traced(program, record, _open_sizes(raw, fixed)), temporary, chosen)

            limit.run(trace_and_write, "tracing and writing the generator")
            checks = check(
                temporary,
                chosen,
                translator,
                network,
                raw=raw,
                fixed=fixed,
                limit=limit,
                largest_page=largest_page,
            )
            _require_agreement(checks, info, raw, fixed)
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror or error}; choose another place with --out") from error
    return ExportReport(
        path=out,
        format=chosen.spec.name,
        raw=raw,
        size=sum(place.stat().st_size for place in (out, *map(out.with_suffix, chosen.spec.beside))),
        info=info,
        fixed=fixed,
        runtime=chosen.exporter.runtime,
        checks=tuple(checks),
        tolerance=tolerance(raw),
    )


@functools.cache
def import_tracer() -> None:
    """Import what torch traces with, which takes seconds, before several exports with a time limit.

    Each is made in a copy of this process, and would begin with that.
    """
    with TRACING, exporting_quietly():
        torch.export.export(nn.Identity(), (torch.zeros(1),), strict=False)


def _with_standard_operators(manager: PluginManager, network: nn.Module, info: TranslatorInfo) -> nn.Module:
    """The same generator built on its reference path, where its option ``kernels`` lets it choose.

    Fused operators give the same images faster, but exist only where i2i is installed.
    """
    if "kernels" not in manager.spec(GeneratorSpec, info.generator).options.model_fields:
        return network
    context = {"in_channels": info.in_channels, "out_channels": info.out_channels}
    with own_random_numbers():  # building draws initial weights
        rebuilt = create(manager, "generator", info.generator, context, {**info.options, "kernels": "reference"})
    assert isinstance(rebuilt, nn.Module)
    rebuilt.load_state_dict(network.state_dict())
    return rebuilt


def _more_time(fixed: metadata.FixedShape) -> str:
    quicker = ", or try `i2i export --size HxW`, for one size alone" if fixed.size is None else ""
    return f"give it more time{quicker}"


def _trace(graph: nn.Module, info: TranslatorInfo, *, raw: bool, fixed: metadata.FixedShape) -> ExportedProgram:
    # Sizes that are equal or 1 would be taken for constants.
    _, height, width = batch_shapes(info.size_multiple, info.smallest_size)[-1]
    (height, width), images = fixed.size or (height, width), fixed.batch or 2
    shape = (images, info.in_channels, height, width) if raw else (images, height, width, info.in_channels)
    example = torch.zeros(shape, dtype=torch.float32 if raw else torch.uint8)
    open_sizes = dict.fromkeys(_open_sizes(raw, fixed), Dim.DYNAMIC)
    try:
        with TRACING, torch.no_grad(), exporting_quietly():
            program = torch.export.export(graph, (example,), dynamic_shapes=(open_sizes or None,), strict=False)
    except Exception as error:  # whatever a generator's code does to the tracer
        show_trace(error)
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ExportError(
            f"generator {info.generator!r} of {provider(info.package)}: {_untraceable(fixed)} "
            f"({type(error).__name__}: {reason}; its forward must not branch on "
            f"{'values or sizes' if fixed.size is None else 'values'})"
        ) from error
    foreign = sorted({name for name in _operators(program) if name.partition("::")[0] not in STANDARD_OPERATORS})
    if foreign:
        raise ExportError(
            f"generator {info.generator!r} of {provider(info.package)} uses {', '.join(foreign)}, which runs only "
            "where that package is installed; a generator with operators of its own needs an option kernels that knows "
            "'reference', for PyTorch's operators alone"
        )
    # From an example, loading would derive guards that its sizes met by chance; what all sizes give is checked instead.
    program.example_inputs = None
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine are nobody's business
    return program


def _untraceable(fixed: metadata.FixedShape) -> str:
    if fixed.size is None:
        return "this network cannot be exported with free sizes; try `i2i export --size HxW`"
    if fixed.batch is None:
        return "this network cannot be exported for any number of images; try `i2i export --size HxW --batch N`"
    return "this network cannot be exported"


def _open_sizes(raw: bool, fixed: metadata.FixedShape) -> dict[int, str]:
    """The names of the dimensions that stay open."""
    batch = {} if fixed.batch is not None else {0: "batch"}
    if fixed.size is not None:
        return batch
    return batch | ({2: "height", 3: "width"} if raw else {1: "height", 2: "width"})


def _operators(program: ExportedProgram) -> Iterator[str]:
    for node in program.graph.nodes:
        if is_overload(node.target):
            yield str(node.target).rpartition(".")[0].replace(".", "::", 1)


def _traced(program: ExportedProgram, record: str, open_sizes: Mapping[int, str]) -> TracedTranslator:
    """What an exporter is given to write."""

    def to_onnx(path: Path) -> None:
        require("writing ONNX", "onnx", "onnxscript")
        from i2i.exporting.onnx_file import write_onnx  # needs the extra

        write_onnx(with_exact_norms(program, "onnx"), path, record, open_sizes)

    return TracedTranslator(program=program, record=record, open_sizes=open_sizes, write_onnx=to_onnx)


def _write(traced: TracedTranslator, path: Path, chosen: ExportFormat) -> None:
    """Have a format's exporter write the file, and those beside it.

    Raises:
        ExportError: it cannot.
        OSError: the disk cannot take it.
    """
    try:
        with TRACING, exporting_quietly():
            chosen.exporter.write(traced, path)
    except (OSError, I2IError):
        raise
    except Exception as error:  # errors of converters are many pages, and of many kinds
        show_trace(error)
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        one_size = "; try `i2i export --size HxW`" if len(traced.open_sizes) > 1 else ""
        raise ExportError(
            f"{chosen.called} cannot write the generator{one_size} ({type(error).__name__}: {reason})"
        ) from error
    missing = [place for place in (path, *map(path.with_suffix, chosen.spec.beside)) if not place.is_file()]
    if missing:
        raise PluginError(f"{chosen.called} wrote no file that ends in {missing[0].suffix}, as its spec says it does")


def _require_agreement(checks: list[Check], info: TranslatorInfo, raw: bool, fixed: metadata.FixedShape) -> None:
    wrong = [one for one in checks if not one.difference <= one.allowed]  # also for NaN
    if wrong:
        unit = "in [-1, 1]" if raw else "levels of 0..255"
        listed = "; ".join(
            f"{amount(one.images, 'image')} of {one.height}x{one.width}: {one.difference:.3g}" for one in wrong
        )
        by_size = len(wrong) < len(checks) and wrong[0] is not checks[-1]  # the last is the page, on which norms drift
        raise ExportError(
            f"the exported file does not give the images of {info.checkpoint}: they differ by more than "
            f"{wrong[0].allowed:.2g} {unit} ({listed}); it was not kept{perhaps_one_size(fixed) if by_size else ''}"
        )
