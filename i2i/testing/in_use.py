"""A component in use: a short run, resumed as after a crash, whose checkpoint translates and is measured."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from i2i.builtin.datasets.example import write_example
from i2i.config.dataset_opening import open_dataset
from i2i.config.layers import Layer, layer_from_settings, merge
from i2i.config.resolver import resolve
from i2i.config.run_config import Choice, RunConfig
from i2i.config.sections import NAMED, section_of
from i2i.errors import ConfigError
from i2i.evaluation.asked_metrics import ask_for
from i2i.evaluation.evaluated_data import choose_data
from i2i.evaluation.measurement import MeasuringOptions, measure
from i2i.images.readers import Readers
from i2i.models.checkpoint import CheckpointFolder
from i2i.models.find import open_model
from i2i.plugins import (
    AugmentationSpec,
    BufferSpec,
    DatasetSpec,
    DiscriminatorSpec,
    GeneratorSpec,
    LossSpec,
    MethodSpec,
    MetricSpec,
    ObserverSpec,
    OptimizerSpec,
    Options,
)
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import Spec
from i2i.terminal import Silent
from i2i.testing.results import Checklist, expect
from i2i.testing.small_runs import SMALL_RUN
from i2i.training.launch import Launch
from i2i.training.records.run_folder import RunFolder
from i2i.training.resume import reopen
from i2i.translation.model_loading import LoadingOptions, load_translator

TRAINED = (
    AugmentationSpec,
    BufferSpec,
    DatasetSpec,
    DiscriminatorSpec,
    GeneratorSpec,
    LossSpec,
    MethodSpec,
    MetricSpec,
    ObserverSpec,
    OptimizerSpec,
)
"""What a run is made of."""
STEPS, RESUMED_FROM = 4, 2
LEAST_SIDE = 32
SIZES = ((1, 1), (37, 50))
"""Height and width of what is translated afterwards."""

TINY: Layer = merge(
    layer_from_settings(SMALL_RUN),
    {
        "schedule": {"name": "constant"},
        "training": {"steps": STEPS, "checkpoint_every": RESUMED_FROM, "ema_decay": 0.5, "keep": STEPS},
    },
)
"""The smallest run that goes through everything: averages, a log, sheets, measures, checkpoints."""


class _Notes(Silent):
    """Keeps what a run tells a person."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        """Keep a sentence."""
        self.told.append(text)


def use_checks(checks: Checklist, spec: Spec, options: Options, manager: PluginManager, root: str | None) -> None:
    """Check one component of those that a run is made of; it must be the one that the plugins have.

    Args:
        checks: takes the results.
        spec: the component.
        options: its options.
        manager: the plugins.
        root: for a data set, what it reads; without, its example, or the folder that other components are checked with.
    """
    with tempfile.TemporaryDirectory(prefix="i2i-check-") as name:
        folder = Path(name)
        run = folder / "run"
        configs: list[RunConfig] = []

        def trains() -> str | None:
            data = _data(spec, options, root, folder / "data")
            try:
                configs.append(resolve(manager, [_layer(manager, spec, options, data)])[0])
                _train(manager, configs[0], run)
            except ConfigError as error:
                if not isinstance(spec, DatasetSpec):
                    raise
                configs.clear()
                return f"not tried: {error}"  # its images do not fit the small networks here; they may fit others
            return None

        if checks.run("a run", trains) and configs:
            checks.run("a resumed run", lambda: _resume_check(manager, configs[0], run, folder / "resumed"))
            checks.run("translate", lambda: _translate_check(manager, run))
            checks.run("evaluate", lambda: _evaluate_check(manager, run, spec, options))


def _data(spec: Spec, options: Options, root: str | None, folder: Path) -> str:
    folder.mkdir()
    if isinstance(spec, DatasetSpec) and root is not None:
        return root
    if isinstance(spec, DatasetSpec) and spec.example is not None:
        return str(spec.example(options, folder=folder))
    return str(write_example(folder))


def _layer(manager: PluginManager, spec: Spec, options: Options, data: str) -> Layer:
    """The settings of the run: tiny, but for the component."""
    layer: Layer = {section: dict(values) for section, values in TINY.items()}
    values = options.model_dump(mode="json")
    if spec.kind in NAMED:
        layer[NAMED[spec.kind]] = {"name": [spec.name], spec.name: values}
    elif section_of(spec) == "pixel_loss":  # beside another, as it may be chosen
        layer["pixel_loss"] = {"name": [spec.name, "l1"], "0": values, "1": {"weight": 0.5}}
    elif not isinstance(spec, DatasetSpec):
        layer[section_of(spec)] = {"name": spec.name, **values}
    layer["data"] = {"root": data}
    if isinstance(spec, DatasetSpec):
        if not _has_pairs(manager, spec, options, data):
            layer["method"] = {"name": "cyclegan", "lambda_identity": 0}  # domains may differ in channels
        # What the method needs of its data, it says itself.
        layer["data"] |= {"name": spec.name, **{key: value for key, value in values.items() if key != "pairing"}}
    else:
        layer["data"]["image_size"] = _side(manager, spec, options)
    return layer


def _has_pairs(manager: PluginManager, spec: DatasetSpec, options: Options, data: str) -> bool:
    """Whether training images come with their true translations."""
    dataset = open_dataset(manager, Choice(spec.name, options), data, "train", 0, Readers(manager))
    return bool(dataset[0, 0].get("A_has_partner", False))


def _side(manager: PluginManager, spec: Spec, options: Options) -> int:
    """The side of images that are large enough for the component, and for the pixel loss that a method starts from."""
    least, multiple = LEAST_SIDE, 4
    if smallest := getattr(spec, "smallest_size", None):
        least = max(least, smallest(options))
    if isinstance(spec, MethodSpec) and (name := spec.defaults.get("pixel_loss", {}).get("name")):
        loss = manager.spec(LossSpec, name)
        least = max(least, loss.smallest_size(loss.options()))
    if isinstance(spec, GeneratorSpec):
        multiple = math.lcm(multiple, spec.size_multiple(options))
    return -(-least // multiple) * multiple


def _train(manager: PluginManager, config: RunConfig, run: Path) -> None:
    """Train, from the last checkpoint in the folder if there is one."""
    notes = _Notes()
    with Launch(config.training, progress=False) as launch:
        launch.reporter = notes
        launch.write_page = lambda *_: None  # which takes a second, and ends no run
        keep = config.training.keep
        folder = launch.on_main(
            lambda: reopen(run, keep, notes.note) if run.is_dir() else RunFolder.create(run, config)
        )
        launch.train(manager, config, folder, checkpoint=CheckpointFolder(folder.checkpoints, keep).latest())
    failed = [told for told in notes.told if told.startswith("training continues without")]
    expect(not failed, "; ".join(failed))


def _resume_check(manager: PluginManager, config: RunConfig, run: Path, resumed: Path) -> None:
    """As after a crash: the newest checkpoint is not there, and its steps are trained again."""
    shutil.copytree(run, resumed, symlinks=True)
    shutil.rmtree(CheckpointFolder(resumed / "checkpoints", config.training.keep).folder_of(STEPS))
    _train(manager, config, resumed)
    before, after = (_weights(folder, config.training.keep) for folder in (run, resumed))
    differ = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    expect(
        not differ,
        f"a run that is resumed from step {RESUMED_FROM} ends with other {', '.join(differ)} than one that nothing "
        "disturbed: what the component keeps between two steps must be in its state, and what it draws follow from the "
        "random numbers that it is given",
    )


def _weights(run: Path, keep: int) -> dict[str, bytes]:
    latest = CheckpointFolder(run / "checkpoints", keep).latest()
    assert latest is not None
    return {path.name: path.read_bytes() for path in latest.path.glob("*.safetensors")}


def _translate_check(manager: PluginManager, run: Path) -> None:
    translator = load_translator(manager, open_model(run, None), LoadingOptions(device="cpu"))
    for height, width in SIZES:
        image = torch.full((1, translator.info.in_channels, height, width), 0.25)
        (output,) = translator.translate([image])
        expected = (1, translator.info.out_channels, height, width)
        expect(tuple(output.shape) == expected, f"expected {list(expected)}; got {list(output.shape)}")


def _evaluate_check(manager: PluginManager, run: Path, spec: Spec, options: Options) -> None:
    opened = open_model(run, None)
    translator = load_translator(manager, opened, LoadingOptions(device="cpu"))
    names = [spec.name] if isinstance(spec, MetricSpec) else []
    given = {name: options.model_dump(mode="json") for name in names}
    asked, sets = ask_for(manager, names, given, features="thumbnail", trust=False, seed=0)
    chosen = choose_data(manager, opened.data_settings, None, {}, "test", opened.components)
    evaluation = measure(manager, opened, translator, chosen, MeasuringOptions(sets=sets, asked=asked))
    _expect_measured(evaluation.to_dict(), names)


def _expect_measured(measured: dict[str, Any], names: Iterable[str]) -> None:
    for name in names:
        expect(name in measured["pairs"] or name in measured["sets"], f"{name} is not among what was measured")
