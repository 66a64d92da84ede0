"""``i2i run``: a thin front of :func:`i2i.api.run`. Every default is that function's; here they are only shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from i2i.cli import options as shared
from i2i.cli.commands import GroupedCommand
from i2i.cli.habits import RUN_HABITS
from i2i.cli.main import INTERRUPTED
from i2i.cli.output import plugin_manager, print_json, say, speaks
from i2i.config.sections import CYCLE, PLAIN, section_of
from i2i.models.scores import Metric, best_baseline, table_of
from i2i.plugins.directions import spelled

if TYPE_CHECKING:
    from i2i.training.records.run_result import RunResult

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def option(group: str, name: str, metavar: str | None, text: str, **more: Any) -> Callable[[Decorated], Decorated]:
    """Declare an option of ``group``; none has a default here, for ``i2i.run`` has to see what was really given."""
    return shared.option(name, group=group, metavar=metavar, help=text, **more)


class RunCommand(GroupedCommand):
    """``i2i run``, which also knows every setting of every part by its name alone."""

    habits = RUN_HABITS

    def setting(self, name: str) -> str | None:
        """The setting of that name, in each section that has it: ``--log-every`` is training.log_every."""
        specs = [found.spec for found in plugin_manager(warn=False).components() if found.spec.kind != "exporter"]
        sections = [*PLAIN.items(), *((section_of(spec), spec.options) for spec in specs)]
        wanted = name.replace("-", "_")
        found = [
            f"{section}.{field}"
            for section, options in sections
            for field in options.model_fields
            if field.lower() == wanted
        ]
        return ", ".join(f"--set {setting}=VALUE" for setting in dict.fromkeys(found)) or None


DATA, PARTS, BUDGET, TRAINING, MACHINE, FOLDER, SETTINGS = (
    "Data",
    "Parts (i2i plugins list)",
    "Budget (whichever comes first)",
    "Training",
    "Machine",
    "Run folder",
    "Settings",
)


@click.command(
    cls=RunCommand,
    epilog=f"A default may depend on the method and the data; --dry-run shows the resolved values. "
    f"Ctrl-C, SIGTERM and other signals save, say how to resume, and exit with {INTERRUPTED}.",
)
@option(DATA, "--data", "FOLDER|sample:NAME", "Images to learn from. Default: sample:flat-3d, which ships inside.")
@shared.direction("AtoB", group=DATA)
@option(DATA, "--image-size", "PIXELS", "Side of the square training crops. Default: 256.", type=shared.POSITIVE)
@option(
    DATA, "--skip-bad", None, "Count unreadable images instead of stopping. Default: stop.", is_flag=True, default=None
)
@option(PARTS, "--method", "NAME", "Training method. Default: cyclegan.")
@option(PARTS, "--generator", "NAME", "Generator. Default: the method's (cyclegan: resnet9, pix2pix: unet256).")
@option(PARTS, "--discriminator", "NAME", "Discriminator; repeat for several. Default: patch70.", multiple=True)
@option(PARTS, "--loss", "NAME", "Adversarial loss. Default: the method's (cyclegan: lsgan, pix2pix: gan).")
@option(PARTS, "--pixel-loss", "NAME", "Distance of two images; repeat for a sum. Default: l1.", multiple=True)
@option(PARTS, "--buffer", "NAME", "Store of earlier fakes. Default: the method's (cyclegan: replay, pix2pix: none).")
@option(PARTS, "--optimizer", "NAME", "What moves the weights by their gradients. Default: adam.")
@option(
    PARTS,
    "--augment",
    "NAME",
    "Change at random what the discriminators see, for training with few images (diffaugment); repeat for several. "
    "Default: nothing.",
    multiple=True,
)
@option(
    PARTS,
    "--init-from",
    "MODEL",
    "Start from the weights of a run, a checkpoint, sample:NAME or an official .pth file; repeat for several. "
    "Default: anew.",
    multiple=True,
)
@option(BUDGET, "--steps", "N", "Training steps in all. Default: no limit.", type=click.IntRange(min=0))
@option(
    BUDGET,
    "--epochs",
    "N",
    "Passes over the training images in all. Default: 200 where no budget is given.",
    type=click.FloatRange(min=0, min_open=True),
)
@option(
    BUDGET,
    "--minutes",
    "N",
    "Training time in all, resumes included. Default: no limit.",
    type=click.FloatRange(min=0, min_open=True),
)
@shared.batch_size("Images of each domain a batch, in each process", group=TRAINING)
@option(TRAINING, "--accumulate", "N", "Batches whose gradients make one step. Default: 1.", type=shared.POSITIVE)
@option(
    TRAINING,
    "--seed",
    "N",
    "Fixes weights, sample order, crops, flips and dropout. Default: 0.",
    type=click.IntRange(0, 2**32 - 1),
)
@option(
    TRAINING,
    "--metric",
    "NAME",
    "Measure held-out images by this as well; repeat for several. Default: L1, PSNR and SSIM alone.",
    multiple=True,
)
@option(
    TRAINING,
    "--freeze",
    "PATTERN",
    "Do not train the parameters of these names, such as 'G_A.model.1.*'; repeat for several. Default: train all.",
    multiple=True,
)
@shared.device(group=MACHINE)
@shared.precision(group=MACHINE)
@option(
    MACHINE,
    "--workers",
    "N",
    "Processes that load images. Default: 0 on the CPU, else up to 4.",
    type=click.IntRange(min=0),
)
@shared.out("FOLDER", "A new or empty folder. Default: a readable, unique name under runs/.", group=FOLDER)
@option(FOLDER, "--resume", "FOLDER", "Resume this run, exactly where it stopped.", type=click.Path(path_type=Path))
@option(FOLDER, "--title", "TEXT", "What page, server and exported files call the run. Default: its parts and data.")
@option(FOLDER, "--keep", "N", "Newest checkpoints kept, besides the best. Default: 2.", type=shared.POSITIVE)
@option(
    FOLDER,
    "--observer",
    "NAME",
    "What watches the run: tensorboard, wandb, early-stopping, or a plugin's; repeat for several. Default: nothing.",
    multiple=True,
    earlier=("--tracker",),
)
@option(
    SETTINGS,
    "--config",
    "FILE",
    "YAML file of settings; the command line wins over it.",
    type=click.Path(path_type=Path),
)
@option(
    SETTINGS,
    "--set",
    "SECTION.OPTION=VALUE",
    "Any option of any part, such as generator.base_channels=32; repeat for several (i2i plugins show KIND NAME).",
    multiple=True,
)
@option(
    SETTINGS,
    "--dry-run",
    None,
    "Look at the data, build all parts, print the configuration, fit for --config, and stop.",
    is_flag=True,
)
@shared.as_json("the run's end, or the configuration of --dry-run,", group=SETTINGS)
def run(dry_run: bool, as_json: bool, resume: Path | None, **given: Any) -> None:
    """Train a translator, by default a CycleGAN on the small data set that ships inside.

    The run folder alone is enough to resume, to judge and to use what was learnt.
    """
    options = _as_keywords(given)
    if dry_run:
        if resume is not None:
            raise click.UsageError(
                f"--dry-run shows the configuration of a new run; that of {resume} is in {resume / 'config.yaml'}"
            )
        _print_config(options, as_json)
        return

    # GNU OpenMP's threads spin for long at every barrier, which on a machine whose cores are shared with other
    # processes makes small steps several times slower. It reads this when PyTorch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

    from i2i.api import run as train
    from i2i.terminal import watching

    manager = plugin_manager()
    with watching(speaks()):
        result = train(resume=resume, progress=speaks(), manager=manager, **options)
    if speaks() and as_json:
        print_json(result.to_dict())
    elif speaks():
        for line in summary(result, table_of(manager)):
            say(line)
    if not result.finished:
        click.get_current_context().exit(INTERRUPTED)


def summary(result: RunResult, table: Mapping[str, Metric]) -> Iterator[str]:
    """What a person wants to know at the end of a run, line by line, ending with the command that resumes it."""
    yield ""
    yield "Done." if result.finished else "Interrupted; everything is saved."
    for direction, metrics in result.metrics.items():
        if values := list(_values(metrics, table)):
            yield f"  held out {spelled(direction, result.names)}: {', '.join(values)}"
    if result.held_out_by and any(result.metrics.values()):
        yield f"  held out by {result.held_out_by}"
    yield f"  run folder: {result.folder} (step {result.step})"
    if result.picture.exists():  # there is none without held-out images
        yield f"  picture:    {result.picture}"
    yield f"  page:       {result.page}"
    yield f"  resume:     {result.resume_command}"


def _values(metrics: Mapping[str, float], table: Mapping[str, Metric]) -> Iterator[str]:
    """The held-out metrics of a direction, each with its best baseline; the cycle's only without a known truth."""
    for name, metric in table.items():
        if name in metrics and (name != CYCLE or "l1" not in metrics):
            best = best_baseline(metrics, name, metric)
            beside = "" if best is None else f" ({best[0].name} {metric.text(best[1])})"
            yield f"{metric.name} {metric.text(metrics[name])}{beside}"


def _as_keywords(given: dict[str, Any]) -> dict[str, Any]:
    """The options under the names of :func:`i2i.api.run`; what a person did not give is None."""
    options = dict(given)
    options["metric"] = options["metric"] or None
    options["observer"] = options["observer"] or None
    options["augment"] = options["augment"] or None
    options["discriminator"] = options["discriminator"] or None
    options["pixel_loss"] = options["pixel_loss"] or None
    options["init_from"] = options["init_from"] or None
    options["freeze"] = options["freeze"] or None
    return options


def _print_config(options: dict[str, Any], as_json: bool) -> None:
    from i2i.api.training import check_run, resolve

    manager = plugin_manager()
    del options["out"]  # where a run goes is not part of its configuration
    config = resolve(manager=manager, **options)
    for note in check_run(config, manager):
        say(f"data: {note}", err=True, lines=True)
    if as_json:
        print_json(config.to_dict())
        return
    say("# The resolved configuration; use it again with: i2i run --config FILE")
    say(config.to_yaml().rstrip("\n"), lines=True)
