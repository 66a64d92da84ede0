"""What every exporter must do: write files that run without i2i, give the same images, and say what they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from i2i.errors import ConfigError, ExportError
from i2i.exporting.formats import ExportFormat, members_missing
from i2i.models.exported_record import read_back
from i2i.plugins import ExporterSpec, GeneratorSpec, Options
from i2i.plugins.calls import Called
from i2i.plugins.exporter_protocol import Exporter, ReadingExporter
from i2i.plugins.manager import PluginManager
from i2i.testing.as_translator import CHANNELS, UnderCheck, export_once, under_check
from i2i.testing.results import BrokenPromiseError, Checklist, expect
from i2i.translation.network_runner import NetworkRunner

GENERATOR = "resnet"
GENERATOR_OPTIONS = {"base_channels": 4, "blocks": 1}
"""What is exported: small, with a norm, padding and both ways of scaling."""


def exporter_checks(
    checks: Checklist, spec: ExporterSpec, options: Options, package: str, export_seconds: float | None
) -> None:
    """Check one exporter.

    Args:
        checks: takes the results.
        spec: the exporter.
        options: its options.
        package: who brought it, with the version.
        export_seconds: how long each export may take; ``None``: nothing is exported.
    """

    def builds() -> None:
        exporter = spec.build(options)
        missing = members_missing(exporter)
        expect(not missing, f"build must return an exporter; {type(exporter).__name__} has no {', '.join(missing)}")
        expect(Path(exporter.runner).is_file(), f"runner must be a Python file that is there; got {exporter.runner}")

    def packages() -> str | None:
        try:
            spec.build(options).require()
        except ConfigError as error:
            return f"nothing is exported: {error}"
        return None

    if not checks.run("builds an exporter", builds) or not checks.run("packages", packages):
        return
    if export_seconds is None or checks.results[-1].message:
        return
    name, _, version = package.rpartition(" ")
    chosen = ExportFormat(
        spec, spec.build(options), Called("exporter", spec.name, name, version, spec.build.__module__)
    )
    checks.run("images of any size", _exporting(chosen, export_seconds))
    checks.run("float tensors of one size", _exporting(chosen, export_seconds, one_size=True, raw=True))


def _exporting(
    chosen: ExportFormat, seconds: float, *, one_size: bool = False, raw: bool = False
) -> Callable[[], str | None]:
    def export() -> str | None:
        spec = PluginManager({}).spec(GeneratorSpec, GENERATOR)
        untrained = under_check(spec, spec.options(**GENERATOR_OPTIONS), "i2i")
        remarks = []

        def look(path: Path) -> None:
            remarks.append(_read_back(chosen.exporter, path, untrained, raw=raw))

        try:
            export_once(untrained, chosen, seconds, one_size=one_size, raw=raw, look=look)
        except ExportError as error:
            raise BrokenPromiseError(str(error)) from error
        return remarks[0]

    return export


def _read_back(exporter: Exporter, path: Path, untrained: UnderCheck, *, raw: bool) -> str | None:
    """Translate with the file as i2i does, where it can be read."""
    if not isinstance(exporter, ReadingExporter):
        return "i2i cannot translate with its files: it has no open"
    opened = exporter.open(path, "cpu", trust=False)
    info, is_raw, fixed = read_back(opened.record, path)
    expect(info.generator == GENERATOR and is_raw == raw, "the record that comes back must be the one that was written")
    runner = NetworkRunner(untrained.network, untrained.info, device="cpu")
    height, width = fixed.size or runner.padded_size((17, 30))
    images = torch.rand(1, CHANNELS, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1
    if not raw:
        images = ((images + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    output = opened.translate(images)
    expect(
        output.dtype == images.dtype and output.shape == images.shape,
        f"expected {images.dtype} of shape {list(images.shape)}; got {output.dtype} of shape {list(output.shape)}",
    )
    if raw:
        difference = float((output - runner.run(images)).abs().max())
        expect(difference < 1e-3, f"the translation of a file that was read back is off by {difference:.2g}")
    return None
