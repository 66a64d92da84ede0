"""``i2i serve``: a page and an HTTP API for a trained translator; a thin front of :func:`i2i.serving.serve`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from i2i.cli.options import Command
from i2i.cli.output import say

if TYPE_CHECKING:
    from i2i.serving.messages import ModelInfo

POSITIVE = click.IntRange(min=1)


@click.command(
    cls=Command,
    epilog="Exit codes: 0 ended by Ctrl-C, SIGTERM or SIGHUP, 1 the model cannot be loaded, 2 wrong usage, port taken, "
    "extra missing.",
)
@click.argument("model", type=click.Path(path_type=Path))
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
@click.option(
    "--allowed-host",
    "--allow-host",
    "allow_hosts",
    metavar="NAME",
    multiple=True,
    help="Another name that the server is known by, such as a proxy's; '*': any. Can be given again.",
)
@click.option("--max-upload", metavar="MIB", type=POSITIVE, default=20, show_default=True, help="Largest file, in MiB.")
@click.option(
    "--max-pixels", metavar="N", type=POSITIVE, default=2048 * 2048, show_default=True, help="Largest image, in pixels."
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
@click.option(
    "--checkpoint",
    metavar="latest|best|step-N",
    help="Which checkpoint of a run folder; best by the held-out score. Default: latest.",
)
@click.option(
    "--inference",
    type=click.Choice(["deterministic", "paper"]),
    help="paper: dropout on, batch norm by the batch. Default: what the run was set to (deterministic).",
)
@click.option("--device", metavar="auto|cpu|cuda[:N]|mps", default="auto", show_default=True, help="Where to compute.")
@click.option(
    "--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True, help="bf16: autocast."
)
@click.option(
    "--trust",
    is_flag=True,
    help="Load a .pt2 MODEL that holds more than weights and PyTorch's operators, which can run its author's code.",
)
def serve(
    model: Path,
    host: str,
    port: int,
    allow_hosts: tuple[str, ...],
    max_upload: int,
    max_pixels: int,
    timeout: float,
    queue: int,
    max_connections: int,
    **options: Any,
) -> None:
    """Try MODEL in a browser: drop an image, see before and after; and translate over HTTP.

    MODEL is what i2i translate takes. The page needs no internet. The API is described on the page /docs of the server,
    and for programs in /openapi.json. Ctrl-C ends it.
    """
    from i2i.serving.hosts import LOOPBACK_NAMES
    from i2i.serving.messages import MEBIBYTE, Limits
    from i2i.serving.server import require_packages
    from i2i.serving.server import serve as serve_model

    require_packages()
    say("Loading ...", err=True)
    limits = Limits(
        max_bytes=max_upload * MEBIBYTE,
        max_pixels=max_pixels,
        seconds=timeout,
        queue=queue,
        connections=max_connections,
    )

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

    given = {name: value for name, value in options.items() if value is not None}
    serve_model(model, host=host, port=port, allow_hosts=allow_hosts, limits=limits, announce=announce, **given)
    with suppress(OSError):  # a terminal that was closed
        say("Stopped.", err=True)
