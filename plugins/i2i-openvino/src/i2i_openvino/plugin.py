"""What i2i loads: options, builders and hooks. Imports neither torch nor OpenVINO."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from i2i.plugins import CommandSpec, ExporterSpec, Options, hookimpl

if TYPE_CHECKING:
    import click

    from i2i_openvino.exporter import OpenvinoFormat


class OpenvinoOptions(Options):
    """Options of the exporter ``openvino``."""

    half: bool = Field(
        False,
        description="store all weights as float16: half as large, with three digits, none beyond 65504",
    )


def build_exporter(options: OpenvinoOptions) -> OpenvinoFormat:
    """Return what writes and reads the files."""
    from i2i_openvino.exporter import OpenvinoFormat

    return OpenvinoFormat(half=options.half)


def build_command(_: Options) -> click.Command:
    """Return the command."""
    from i2i_openvino.command import openvino_speed

    return openvino_speed


@hookimpl
def i2i_exporters() -> Iterable[ExporterSpec]:
    """Return the formats of this package."""
    return [
        ExporterSpec(
            name="openvino",
            summary="OpenVINO, .xml with its weights in .bin beside it",
            suffix=".xml",
            beside=(".bin",),
            options=OpenvinoOptions,
            build=build_exporter,
        )
    ]


@hookimpl
def i2i_commands() -> Iterable[CommandSpec]:
    """Return the commands of this package."""
    return [
        CommandSpec(
            name="openvino-speed",
            summary="Time a file that OpenVINO opens, on each of its devices.",
            build=build_command,
        )
    ]
