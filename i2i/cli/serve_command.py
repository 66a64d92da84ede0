"""``i2i serve``: a page and an HTTP API for a trained translator; a thin front of :func:`i2i.serving.serve`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from i2i.cli import options as shared
from i2i.cli.commands import Command
from i2i.cli.output import plugin_files, say

if TYPE_CHECKING:
    from i2i.serving.messages import ModelInfo


@click.command(
    cls=Command,
    epilog="Exit codes: 0 ended by Ctrl-C, SIGTERM or SIGHUP, 1 the model cannot be loaded, 2 wrong usage, port taken, "
    "extra missing.",
)
@shared.model()
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Where to listen; 0.0.0.0 lets other machines in, without a password.",
)
@click.option(
    "--port", metavar="N", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one."
)
@shared.option(
    "--allowed-host",
    metavar="NAME",
    multiple=True,
    earlier=("--allow-host",),
    help="Another name that the server is known by, such as a proxy's; '*': any; repeat for several.",
)
@click.option(
    "--max-upload", metavar="MIB", type=shared.POSITIVE, default=20, show_default=True, help="Largest file, in MiB."
)
@click.option(
    "--max-pixels",
    metavar="N",
    type=shared.POSITIVE,
    default=2048 * 2048,
    show_default=True,
    help="Largest image, in pixels.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Longest upload, and longest translation; what takes longer is ended.",
)
@click.option(
    "--queue",
    metavar="N",
    type=click.IntRange(min=0),
    default=16,
    show_default=True,
    help="Requests that may wait; one more is told to come again later (503).",
)
@click.option(
    "--max-connections",
    metavar="N",
    type=click.IntRange(min=8),
    default=256,
    show_default=True,
    help="Open connections; one more is told to come again later (503).",
)
@shared.direction("AtoB, or the only one there is; the page offers both, this one first")
@shared.checkpoint()
@shared.inference()
@shared.device()
@shared.precision()
@shared.trust()
def serve(model: str, host: str, **given: Any) -> None:
    """Try MODEL in a browser: drop an image, see before and after; and translate over HTTP.

    The page needs no internet. The API is described on the page /docs of the server,
    and for programs in /openapi.json. Ctrl-C ends it.
    """
    from i2i.serving.hosts import LOOPBACK_NAMES
    from i2i.serving.server import require_packages
    from i2i.serving.server import serve as serve_model

    require_packages()
    say("Loading ...", err=True)

    def announce(url: str, info: ModelInfo) -> None:
        ways = ", ".join(f"{direction.source} to {direction.target}" for direction in info.directions)
        step = "" if info.step is None else f", step {info.step}"
        step += f" ({info.checkpoint})" if info.checkpoint else ""
        say(f"{ways}: {info.generator}{step} of {info.name}, on {info.device}", err=True)
        if host not in LOOPBACK_NAMES:
            say(
                "Warning: every machine that reaches this address may use it; there is no password. It can be called "
                "by IP address and by this machine's name; --allowed-host NAME adds another name.",
                err=True,
            )
        say(f"Open {url} (API: {url}/docs). Ctrl-C ends it.")

    serve_model(model, host=host, announce=announce, plugins=plugin_files(), **shared.given(given))
    with suppress(OSError):  # a terminal that was closed
        say("Stopped.", err=True)
