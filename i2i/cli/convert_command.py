"""``i2i convert``: files of the reference implementation, or a run, as one small folder that describes itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from i2i.cli import options as shared
from i2i.cli.commands import Command
from i2i.cli.output import plugin_manager, print_json, say
from i2i.progress import working

NO_MATTER = ("init", "init_gain", "kernels")
"""Options of generators that change no translation once there are weights."""


@click.command(
    cls=Command,
    epilog="Exit codes: 0 done, 1 a file holds no generator that is known (it is told what it holds), 2 wrong usage.",
)
@shared.model(exported=False, metavar="MODEL...", nargs=-1, required=True)
@shared.out("FOLDER", "A new or empty folder.", required=True)
@shared.force("a folder that was converted before")
@shared.direction("of one file BtoA where its name ends in G_B, else AtoB; of a run, all there are")
@click.option(
    "--domains", metavar="A B", nargs=2, type=str, help="Readable names of the two domains, such as: horse zebra."
)
@click.option("--part", metavar="NAME", help="Which network of a file that holds several.")
@click.option(
    "--dropout/--no-dropout",
    default=None,
    help="Whether a U-Net was trained with dropout, which its keys do not tell. Default: with batch norm, as pix2pix.",
)
@shared.checkpoint()
@shared.as_json("what the folder holds")
@click.option("--half", is_flag=True, help="Store filters in 16 bits: half the size, differences below one level.")
def convert(models: tuple[str, ...], out: Path, as_json: bool, **given: Any) -> None:
    """Convert generators of pytorch-CycleGAN-and-pix2pix into a folder for i2i translate and i2i.load.

    A file is such as latest_net_G.pth; two of them are both ways of one CycleGAN: latest_net_G_A.pth
    latest_net_G_B.pth. Network, depth, width, norm, dropout and channels are found from the keys. Of a run folder, the
    result is what translates, without what training needs.
    """
    from i2i.terminal import watching

    manager = plugin_manager()

    with watching(not as_json), working("reading and writing weights"):
        from i2i.api import convert as convert_models

        converted = convert_models(models, out, manager=manager, **given)
    if as_json:
        print_json([info.to_dict() for info in converted])
        return
    if converted[0].chosen:
        say(f"Step {converted[0].step}: {converted[0].chosen}")
    for info in converted:
        source, target = info.domains
        options = ", ".join(f"{name} {value}" for name, value in info.options.items() if name not in NO_MATTER)
        say(
            f"{info.direction} ({source} to {target}): {info.generator}, {info.in_channels} to {info.out_channels} "
            f"channels, {options}"
        )
        for note in info.notes:
            say(f"Note: {note}", err=True, lines=True)
    say(f"Wrote {out}. Use it with: i2i translate {out} photo.jpg -o result.jpg")
