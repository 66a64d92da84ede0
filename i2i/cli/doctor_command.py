"""``i2i doctor``: prints what :func:`i2i.api.doctor` finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from i2i.cli import options as shared
from i2i.cli.commands import Command
from i2i.cli.output import plugin_manager, print_json, say
from i2i.environment.packages import pip_install

if TYPE_CHECKING:
    from i2i.diagnosis import Diagnosis


ORIGINS = {"installed": "from the installation", "cache": "compiled at first use"}


@click.command(cls=Command, epilog="Exit code 0 whenever the tool can work, 1 otherwise, with the reason.")
@shared.as_json("what was found")
def doctor(as_json: bool) -> None:
    """Say what this installation can do: versions, devices, kernels, plugins, disk."""
    from i2i.api import doctor as examine
    from i2i.terminal import watching

    with watching(not as_json):
        diagnosis = examine(manager=plugin_manager(warn=False))
    if as_json:
        print_json(diagnosis.to_dict())
    else:
        for line in _report(diagnosis):
            say(line)
    if not diagnosis.works:
        click.get_current_context().exit(1)


def _report(diagnosis: Diagnosis) -> Iterator[str]:
    yield "Versions"
    for name, version in diagnosis.versions.items():
        yield _fact(name, version or _absent(diagnosis.optional.get(name)))
    yield ""
    yield "Machine"
    for device in diagnosis.devices:
        default = " (default)" if device.name == diagnosis.default_device else ""
        memory = "" if device.memory is None else f", {_gibibytes(device.memory)}"
        yield _fact("device", f"{device.name}: {device.description}{memory}{default}")
    yield _fact("precision", f"{diagnosis.default_precision} (default)")
    yield _fact("threads", f"{diagnosis.threads or 'unknown'} of {diagnosis.cores or 'unknown'} cores")
    yield _fact("kernels", diagnosis.kernels)
    for origin, reason in diagnosis.kernels_missing.items():
        yield _fact("", f"not {ORIGINS[origin]}: {reason}")
    yield _fact("CUDA kernels", diagnosis.cuda_kernels)
    yield _fact("free disk", f"{_gibibytes(diagnosis.free_bytes)} at {diagnosis.folder}")
    yield ""
    yield "Plugins"
    for plugin in diagnosis.plugins:
        problem = f": {plugin['problem']}" if plugin["problem"] else ""
        yield _fact(plugin["name"], f"{plugin['package']} {plugin['version']}, {plugin['status']}{problem}")
    yield _fact("components", ", ".join(f"{kind} {count}" for kind, count in diagnosis.components.items()) or "none")
    yield ""
    for remark in diagnosis.remarks:
        yield f"Note: {remark}"
    for problem in diagnosis.problems:
        yield f"Problem: {problem}"
    yield "i2i can work." if diagnosis.works else "i2i cannot work."


def _absent(extra: str | None) -> str:
    return "not usable, and required" if extra is None else f"not installed (optional: {pip_install(f'i2i[{extra}]')})"


def _fact(name: str, value: str) -> str:
    return f"  {name:<14} {value}"


def _gibibytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
