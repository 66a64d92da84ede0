"""``i2i export``: a trained translator as a file that runs without i2i; a thin front of :func:`i2i.api.export`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from i2i.cli import options as shared
from i2i.cli.commands import Command
from i2i.cli.output import new_table, plugin_manager, print_json, print_table, say

if TYPE_CHECKING:
    from i2i.exporting.exporter import ExportReport


def _size(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """Read a height and a width, written ``256x320``."""
    if text is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,6})[xX]([1-9][0-9]{0,6})", text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} is not a height and a width; write HxW, such as 256x320")
    return int(match[1]), int(match[2])


@click.command(cls=Command, epilog="Exit codes: 0 exported and checked, 1 nothing was kept, 2 wrong usage.")
@shared.model(exported=False)
@shared.option(
    "--format",
    metavar="NAME",
    help="onnx: for ONNX Runtime, without torch; torch: a program of torch.export; or a plugin's (i2i plugins list). "
    "Default: by the suffix of --out.",
)
@shared.out(
    "FILE", "A name in .onnx, .pt2 or a plugin's. Default: the model's name, in the current folder.", kind=shared.FILE
)
@click.option("--raw", is_flag=True, help="Float tensors [N, C, H, W] in [-1, 1] instead of 8-bit images [N, H, W, C].")
@shared.option(
    "--size",
    metavar="HxW",
    callback=_size,
    help="Make the file for images of this height and width alone, such as 256x320. Default: for any.",
)
@shared.option(
    "--batch",
    metavar="N",
    type=shared.POSITIVE,
    help="Make it for this many images at once alone. Default: for any number.",
)
@shared.option(
    "--set",
    metavar="exporter.OPTION=VALUE",
    multiple=True,
    help="An option of the format, where it has any; repeat for several (i2i plugins show exporter NAME).",
)
@shared.timeout("Give up after this time, and leave no file. Default: never.")
@shared.direction()
@shared.checkpoint()
@shared.inference("what the run was set to; paper cannot be exported")
@shared.force("a file that exists")
@shared.as_json("what was written and how it was checked")
def export(model: str, as_json: bool, **given: Any) -> None:
    """Write MODEL as one file that runs without i2i, and check it.

    Images of any size and number go in, unless --size and --batch fix them; padding, scaling, rounding and cropping
    are in the file. It is run in a process of its own on several sizes, and is kept only if it gives the images that
    the model gives.
    """
    from i2i.terminal import watching

    manager = plugin_manager()
    with watching(not as_json):
        from i2i.api import export as export_model

        report = export_model(model, manager=manager, **shared.given(given))
    if as_json:
        print_json(report.to_dict())
        return
    info = report.info
    source, target = info.domains
    say(f"{report.path} ({report.size / 1e6:.1f} MB): {source} to {target}, {info.generator}, {info.origin}")
    say(f"In and out: {_kind(report)}, {info.in_channels} and {info.out_channels} channels, {report.fixed}")
    say(f"Run by {report.runtime} in a process of its own, against the model:")
    table = new_table("images", "height x width", "largest difference", f"allowed, {_unit(report)}")
    for check in report.checks:
        table.add_row(
            str(check.images), f"{check.height} x {check.width}", f"{check.difference:.2g}", f"{check.allowed:.2g}"
        )
    print_table(table)


def _kind(report: ExportReport) -> str:
    return "float32 [N, C, H, W] in [-1, 1]" if report.raw else "uint8 [N, H, W, C]"


def _unit(report: ExportReport) -> str:
    return "in [-1, 1]" if report.raw else "levels of 0..255"
