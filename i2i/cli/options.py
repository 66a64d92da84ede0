"""Options and arguments that several commands have: one spelling, one wording.

Each function declares one of them; what differs from command to command, such as a default, is its argument. Defaults
are those of the functions of :mod:`i2i.api`, and are shown in the text alone: what a person leaves out is not passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from click.types import StringParamType

from i2i.cli.commands import Option

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

POSITIVE = click.IntRange(min=1)
FOLDER = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)


class ModelType(StringParamType):
    """What is translated with, by its path or name; ``help`` is said in the help of each command that takes one.

    Args:
        exported: whether an exported file is taken as well.
    """

    name = "model"

    def __init__(self, *, exported: bool = True) -> None:
        self.help = (
            f"MODEL is a run folder, a checkpoint or a converted folder,{' an exported file,' * exported} "
            "a generator's file of pytorch-CycleGAN-and-pix2pix, or sample:flat-3d."
        )


def option(*names: str, **settings: Any) -> Callable[[Decorated], Decorated]:
    """Declare an option; without a default in ``settings`` it has none, and what is not given is None, or ``()``."""
    if settings.get("multiple"):
        settings.setdefault("default", ())
    return click.option(*names, cls=Option, **settings)


def model(*, exported: bool = True, **settings: Any) -> Callable[[Decorated], Decorated]:
    """``MODEL``: what is translated with."""
    return click.argument("models" if settings else "model", type=ModelType(exported=exported), **settings)


def out(metavar: str, text: str, *, kind: click.Path = FOLDER, **settings: Any) -> Callable[[Decorated], Decorated]:
    """``--out``: where results are written."""
    return option("-o", "--out", metavar=metavar, type=kind, help=text, **settings)


def force(what: str, **settings: Any) -> Callable[[Decorated], Decorated]:
    """``--force``: whether what exists is replaced, such as ``"a file that exists"``."""
    return option("--force", is_flag=True, help=f"Replace {what}. Default: refuse to begin.", **settings)


def as_json(what: str, **settings: Any) -> Callable[[Decorated], Decorated]:
    """``--json``: print what was found as JSON on standard output, and nothing else there."""
    return option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.", **settings)


def timeout(text: str, **settings: Any) -> Callable[[Decorated], Decorated]:
    """``--timeout``: how long something may take."""
    return option("--timeout", metavar="SECONDS", type=click.FloatRange(min=0, min_open=True), help=text, **settings)


def direction(default: str = "AtoB, or the only one there is", **settings: Any) -> Callable[[Decorated], Decorated]:
    """``--direction``: which way is translated."""
    return option(
        "--direction",
        type=click.Choice(["AtoB", "BtoA"]),
        help="Which domain is translated into which; of a trained model, AtoB is what its run was asked for. "
        f"Default: {default}.",
        **settings,
    )


def checkpoint(**settings: Any) -> Callable[[Decorated], Decorated]:
    """``--checkpoint``: of a run folder."""
    return option(
        "--checkpoint",
        metavar="latest|best|step-N",
        help="Which checkpoint of a run folder; best by the held-out score. Default: latest.",
        **settings,
    )


def inference(default: str = "what the run was set to", **settings: Any) -> Callable[[Decorated], Decorated]:
    """``--inference``: what dropout and batch norm do."""
    return option(
        "--inference",
        type=click.Choice(["deterministic", "paper"]),
        help=f"paper: dropout on, batch norm by the image. Default: {default}.",
        **settings,
    )


def device(
    names: str = "auto|cpu|cuda[:N]|mps", default: str = "auto, the fastest there is", **settings: Any
) -> Callable[[Decorated], Decorated]:
    """``--device``: where to compute."""
    return option("--device", metavar=names, help=f"Where to compute. Default: {default}.", **settings)


def precision(**settings: Any) -> Callable[[Decorated], Decorated]:
    """``--precision``: in what to compute."""
    return option(
        "--precision",
        type=click.Choice(["fp32", "bf16"]),
        help="bf16: autocast, weights stay fp32. Default: fp32.",
        **settings,
    )


def batch_size(images: str = "Images computed at once, at most", **settings: Any) -> Callable[[Decorated], Decorated]:
    """``--batch-size``: how many images go through the network together."""
    return option("--batch-size", metavar="N", type=POSITIVE, help=f"{images}. Default: 1.", **settings)


def trust(what: str = "a .pt2 MODEL", **settings: Any) -> Callable[[Decorated], Decorated]:
    """``--trust``: load what can run its author's code."""
    return option(
        "--trust",
        is_flag=True,
        help=f"Load {what} that holds more than weights and PyTorch's operators, which can run its author's code.",
        **settings,
    )


def metrics(**settings: Any) -> Callable[[Decorated], Decorated]:
    """``--metrics``: which kinds of metrics are measured."""
    return option(
        "--metrics",
        type=click.Choice(["auto", "pairs", "sets", "all"]),
        help="pairs: L1, PSNR, SSIM against the truth; sets: FID and KID. Default: auto, pairs where there are any, "
        "else sets.",
        **settings,
    )


def metric(**settings: Any) -> Callable[[Decorated], Decorated]:
    """``--metric``: one that is measured as well."""
    text = "Measure this as well (i2i plugins list); repeat for several."
    return option("--metric", metavar="NAME", multiple=True, help=text, **settings)


def features(**settings: Any) -> Callable[[Decorated], Decorated]:
    """``--features``: of metrics of sets."""
    return option(
        "--features",
        metavar="NAME|MODULE:FUNCTION|FILE",
        help="The network of FID and KID: inception, thumbnail (no weights; a first look), your own function or file. "
        "Default: inception.",
        **settings,
    )


def measuring_settings(how: str, **settings: Any) -> Callable[[Decorated], Decorated]:
    """``--set``: of data and metrics."""
    return option(
        "--set",
        metavar="SECTION.OPTION=VALUE",
        multiple=True,
        help=f"{how} (data.image_size=128), or measure so (metrics.kid.seed=3); repeat for several.",
        **settings,
    )


def subset_seed(**settings: Any) -> Callable[[Decorated], Decorated]:
    """``--seed``: of what is drawn while measuring."""
    return option("--seed", metavar="N", type=click.IntRange(min=0), help="Of KID's subsets. Default: 0.", **settings)


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a person gave, fit for a function of the API, which has the defaults."""
    return {name: value for name, value in options.items() if value is not None}
