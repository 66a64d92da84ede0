"""What all commands share in reading a command line: nothing is silently overruled, habits lead to the right option.

People come from pytorch-CycleGAN-and-pix2pix and from other trainers; a name that they are used to is answered with
what it is called here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

RUN_HABITS: Mapping[str, str] = {
    "amp": "--precision bf16",
    "arch": "--generator NAME",
    "batch": "--batch-size N",
    "beta": "--set optimizer.beta1=VALUE",
    "bf16": "--precision bf16",
    "bs": "--batch-size N",
    "channels": "--set data.channels_A=N, --set data.channels_B=N",
    "checkpoint": "--resume FOLDER",
    "checkpoints-dir": "--out FOLDER",
    "ckpt": "--resume FOLDER",
    "continue-train": "--resume FOLDER",
    "cpu": "--device cpu",
    "crop-size": "--image-size PIXELS",
    "cuda": "--device cuda",
    "data-dir": "--data FOLDER",
    "dataroot": "--data FOLDER",
    "dataset": "--data FOLDER",
    "dataset-mode": "--method NAME, which knows whether its images come in pairs",
    "display-freq": "--set training.sample_every=N",
    "ema": "--set training.ema_decay=VALUE",
    "epoch": "--epochs N",
    "fp16": "--precision bf16",
    "gan-mode": "--loss NAME",
    "gpu": "--device cuda:N",
    "gpu-ids": "--device cuda:N",
    "gpus": "--device cuda:N",
    "grad-accum": "--accumulate N",
    "gradient-accumulation-steps": "--accumulate N",
    "half": "--precision bf16",
    "img-size": "--image-size PIXELS",
    "imgsz": "--image-size PIXELS",
    "init-gain": "--set generator.init_gain=VALUE",
    "init-type": "--set generator.init=NAME",
    "input": "--data FOLDER",
    "input-nc": "--set data.channels_A=N",
    "iterations": "--steps N",
    "iters": "--steps N",
    "lambda-l1": "--set method.lambda_L1=VALUE",
    "load-size": "--set data.load_size=PIXELS",
    "log-dir": "--out FOLDER",
    "lr": "--set optimizer.learning_rate=VALUE",
    "lr-decay-iters": "--set schedule.step_epochs=N",
    "lr-policy": "--set schedule.name=NAME",
    "max-epochs": "--epochs N",
    "max-steps": "--steps N",
    "mixed-precision": "--precision bf16",
    "model": "--method NAME (cyclegan, pix2pix) or --generator NAME",
    "n-epochs": "--epochs N",
    "n-epochs-decay": "--set schedule.decay_epochs=N",
    "n-layers-d": "--set discriminator.layers=N",
    "name": "--out FOLDER",
    "ndf": "--set discriminator.base_channels=N",
    "netd": "--discriminator NAME",
    "netg": "--generator NAME",
    "ngf": "--set generator.base_channels=N",
    "niter": "--epochs N",
    "niter-decay": "--set schedule.decay_epochs=N",
    "no-dropout": "--set generator.dropout=false",
    "no-flip": "--set data.flip=false",
    "norm": "--set generator.norm=NAME, --set discriminator.norm=NAME",
    "num-epochs": "--epochs N",
    "num-steps": "--steps N",
    "num-threads": "--workers N",
    "num-workers": "--workers N",
    "out-dir": "--out FOLDER",
    "output": "--out FOLDER",
    "output-dir": "--out FOLDER",
    "output-nc": "--set data.channels_B=N",
    "pool-size": "--set buffer.size=N",
    "preprocess": "--set data.mode=NAME",
    "print-freq": "--set training.log_every=N",
    "random-seed": "--seed N",
    "resolution": "--image-size PIXELS",
    "save-epoch-freq": "--set training.checkpoint_every=STEPS",
    "save-every": "--set training.checkpoint_every=STEPS",
    "save-latest-freq": "--set training.checkpoint_every=STEPS",
    "size": "--image-size PIXELS",
    "tensorboard": "--tracker tensorboard",
    "threads": "--workers N",
    "train-dir": "--data FOLDER",
    "use-wandb": "--tracker wandb",
    "wandb": "--tracker wandb",
    "weight-decay": "nothing: Adam is used without it",
}
"""What people call options of ``i2i run``, in lower case with hyphens, and what is meant here."""

USE_HABITS: Mapping[str, str] = {
    "batch": "--batch-size N",
    "ckpt": "--checkpoint latest|best|step-N",
    "cpu": "--device cpu",
    "cuda": "--device cuda",
    "dataroot": "the INPUT arguments",
    "epoch": "--checkpoint latest|best|step-N",
    "fp16": "--precision bf16",
    "gpu": "--device cuda:N",
    "gpu-ids": "--device cuda:N",
    "half": "--precision bf16",
    "input": "the INPUT arguments",
    "model": "the first argument, MODEL",
    "name": "the first argument, MODEL",
    "num-threads": "--workers N",
    "num-workers": "--workers N",
    "output": "--out FOLDER",
    "output-dir": "--out FOLDER",
    "overwrite": "--force",
    "results-dir": "--out FOLDER",
    "step": "--checkpoint step-N",
    "threads": "--workers N",
    "weights": "the first argument, MODEL",
}
"""The same for the commands that use a model, as far as each has such an option."""


CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""Of every command: one that is called on its own, as tests do, keeps the names of ``--help`` that it had then."""


class Command(click.Command):
    """A command whose options, unless they may be repeated, can be given once only."""

    habits: Mapping[str, str] = USE_HABITS

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{"context_settings": CONTEXT_SETTINGS, **settings})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual; refuse an option that is given twice, and say what a habit is called here."""
        try:
            _, _, given = self.make_parser(ctx).parse_args(list(args))
        except click.NoSuchOption as error:
            raise self._explained(error, ctx) from None
        self._require_once(given, ctx)
        return super().parse_args(ctx, args)

    def _require_once(self, given: Sequence[click.Parameter], ctx: click.Context) -> None:
        for parameter, times in Counter(given).items():
            if times == 1 or not isinstance(parameter, click.Option) or parameter.is_eager:
                continue
            says_the_same = parameter.is_flag and not parameter.secondary_opts
            if not parameter.multiple and not parameter.count and not says_the_same:
                names = " or ".join((*parameter.opts, *parameter.secondary_opts))
                raise click.UsageError(f"{names} is given {times} times, and one is taken; leave the others out", ctx)

    def _explained(self, error: click.NoSuchOption, ctx: click.Context) -> click.NoSuchOption:
        """The error with what the option is called here, where that is known."""
        name = error.option_name.lstrip("-").lower().replace("_", "-")
        known = {option.lstrip("-"): option for option in self._options(ctx)}
        meant = known.get(name) or self._habit(name, known) or self.setting(name)
        if meant is None:
            return error
        return click.NoSuchOption(
            error.option_name, f"No such option {error.option_name!r}; what it does here: {meant}", ctx=ctx
        )

    def _habit(self, name: str, known: Mapping[str, str]) -> str | None:
        """What is meant by a name, if this command has it; an argument it names must be one of the command's."""
        meant = self.habits.get(name)
        if meant is None:
            return None
        if meant.startswith("--"):
            return meant if meant.split()[0].lstrip("-") in known else None
        arguments = {parameter.make_metavar(click.Context(self)) for parameter in self._arguments()}
        named = [word for word in ("MODEL", "INPUT") if word in meant]
        return meant if all(any(word in argument for argument in arguments) for word in named) else None

    def setting(self, name: str) -> str | None:
        """The setting of that name in some part of the configuration, where the command has such; here: none."""
        del name
        return None

    def _options(self, ctx: click.Context) -> Iterator[str]:
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option):
                yield from (option for option in parameter.opts if option.startswith("--"))

    def _arguments(self) -> Iterator[click.Argument]:
        yield from (parameter for parameter in self.params if isinstance(parameter, click.Argument))


class GroupedOption(click.Option):
    """An option with the heading under which the help lists it."""

    def __init__(self, *args: object, group: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.group = group


class RunCommand(Command):
    """A command whose help lists options under headings, in the order in which they are declared."""

    habits = RUN_HABITS

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each heading."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                heading = parameter.group if isinstance(parameter, GroupedOption) else "Other"
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def setting(self, name: str) -> str | None:
        """The setting of that name, in each section that has it: ``--log-every`` is training.log_every."""
        from i2i.config.resolver import PLAIN
        from i2i.plugins.manager import PluginManager

        sections = [(section, options) for section, options in PLAIN.items()]
        for component in PluginManager().components():
            spec = component.spec
            pixel = getattr(spec, "family", None) == "pixel"
            section = "data" if spec.kind == "dataset" else "pixel_loss" if pixel else spec.kind
            sections.append((section, spec.options))
        wanted = name.replace("-", "_")
        found = [
            f"{section}.{field}"
            for section, options in sections
            for field in options.model_fields
            if field.lower() == wanted
        ]
        return ", ".join(f"--set {setting}=VALUE" for setting in dict.fromkeys(found)) or None
