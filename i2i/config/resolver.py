"""From layers of settings to the resolved configuration.

Layers, each over the one before: options' defaults, the method's defaults, the preset of a built-in sample, the
``--config`` file, the command line. Every problem in them is reported at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeVar, cast

from i2i.config.dataset_choice import choose_dataset
from i2i.config.layers import Layer, Layers, Values, layer_from_mapping, with_observers
from i2i.config.named_choices import choose_named, names_of, unused
from i2i.config.run_config import (
    LIMITS,
    Choice,
    OptimizerChoice,
    PixelLossChoice,
    RunConfig,
    ScheduleOptions,
    TrainingOptions,
    with_weight,
)
from i2i.config.sections import (
    AUGMENTATIONS,
    AUTO,
    COMPONENTS,
    CYCLE,
    DEFAULT_DATA,
    DEFAULT_METHOD,
    DEFAULT_NAMES,
    METRICS,
    NUMBERED,
    OBSERVERS,
    PLAIN,
    READERS,
)
from i2i.errors import LONGEST_SHOWN, ConfigError, I2IError, PluginError, cut, did_you_mean, printable, shown
from i2i.files.texts import parse_yaml
from i2i.plugins.component_options import Options, Problem, parse_options
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import (
    NETWORK_GROUPS,
    SAMPLE_PREFIX,
    AugmentationSpec,
    LossSpec,
    MethodSpec,
    MetricSpec,
    ObserverSpec,
    ReaderSpec,
    Spec,
)

PRESETS = resources.files("i2i") / "data" / "presets"
MOST_DISCRIMINATORS = 16
MOST_PROBLEMS = 20
"""Wrong settings that one error lists; a screen holds no more."""

OptionsType = TypeVar("OptionsType", bound=Options)


def resolve(manager: PluginManager, given: list[Layer], *, recorded: bool = False) -> tuple[RunConfig, list[str]]:
    """Resolve what a person gave (file, then command line) to a configuration.

    Args:
        manager: the plugins.
        given: the layers.
        recorded: whether a run has begun with it: then what has no effect is left as it is.

    Returns:
        The configuration, and notes for the person: what a preset decided.

    Raises:
        ConfigError: naming every wrong setting, the value given, what is allowed and the nearest name.
    """
    given = [with_observers(layer) for layer in given]
    layers = Layers(given)
    choosing = _Choosing(manager, layers, _unknown_sections(given))
    root = str(layers.last("data", "root", DEFAULT_DATA))
    preset = _preset(root)
    method_name = str(layers.last("method", "name", preset.get("method", DEFAULT_METHOD)))
    method_spec = choosing.find("method", method_name)
    if method_spec is None:  # the other sections start from its defaults
        _fail(choosing.problems)
    assert isinstance(method_spec, MethodSpec)

    layers.assumed.append({section: dict(values) for section, values in method_spec.defaults.items()})
    notes = []
    if preset_layer := preset.get("settings", {}).get(method_name, {}):
        layers.assumed.append(_without_other_limits(preset_layer, given))
        notes.append(f"{root} comes with a preset for {method_name}; --dry-run shows it, --set changes it")
    if layers.last("data", "name") is None:
        name, told = choosing.dataset_for(root)
        layers.assumed.append({"data": {"name": name}})
        notes += told
    method = Choice(method_name, choosing.parse("method", method_spec.options))
    pairing = choosing.pairing_of(method)
    training = choosing.parse("training", TrainingOptions)
    layers.assumed.append({"data": {"pairing": pairing}})
    config = RunConfig(
        method=method,
        generator=choosing.component("generator"),
        discriminators=choosing.discriminators(),
        loss=choosing.component("loss"),
        pixel_losses=choosing.pixel_losses(),
        buffer=choosing.component("buffer"),
        data_root=root,
        data=choosing.component("data"),
        optimizer=choosing.optimizer(),
        schedule=choosing.parse("schedule", ScheduleOptions),
        training=training,
        metrics=choosing.metrics(training.best),
        observers=choosing.observers(),
        augmentations=choosing.augmentations(),
        readers=choosing.readers(),
    )
    choosing.check_pairing(method_name, pairing, config.data)
    if not recorded:
        choosing.check_pixel_loss(method, method_spec, config.pixel_losses)
    if choosing.problems:
        _fail(choosing.problems)
    return config, notes


def config_from_dict(manager: PluginManager, values: Mapping[str, Any], *over: Layer) -> RunConfig:
    """Read back what :meth:`RunConfig.to_dict` wrote, now or in an earlier version, with layers of changes over it.

    Raises:
        ConfigError: when it does not fit the installed components.
    """
    training = values.get("training")
    if isinstance(training, Mapping):
        values = {**values, "training": {"ema_ramp_up": 0.0, "best": None, **training}}  # what 0.1.0 did
    layer = layer_from_mapping(values, "the run's config.yaml")
    return resolve(manager, [layer, *over], recorded=True)[0]


@dataclass
class _Choosing:
    """Chooses the component of each section and its options; what is wrong joins ``problems``."""

    manager: PluginManager
    layers: Layers
    problems: list[Problem]

    def add_problem(self, where: str, message: str) -> None:
        self.problems.append(Problem(where, message))

    def find(self, section: str, name: str) -> Spec | None:
        try:
            return self.manager.spec(COMPONENTS[section], name)
        except I2IError as error:
            self.add_problem(section, str(error))
            return None

    def dataset_for(self, root: str) -> tuple[str, list[str]]:
        """The data set that reads this, and what to know about the choice."""
        try:
            return choose_dataset(self.manager, root, DEFAULT_NAMES["data"])
        except I2IError as error:
            self.problems.append(Problem("data", str(error)))
            return DEFAULT_NAMES["data"], []

    def parse(self, section: str, options: type[OptionsType]) -> OptionsType:
        """The options of a section."""
        elsewhere = COMPONENTS[section].reserved if section in COMPONENTS else ()
        values = self.layers.values(section, options)
        return self.parse_values(section, options, {k: v for k, v in values.items() if k not in elsewhere})

    def parse_values(self, where: str, options: type[OptionsType], values: Values) -> OptionsType:
        parsed, problems = parse_options(options, values, where=where)
        self.problems += problems
        if parsed is not None:
            return parsed
        # The run ends with the problems; the defaults that there are suffice to find out what else is wrong.
        return cast(OptionsType, options.model_construct())

    def component(self, section: str) -> Choice:
        name = str(self.layers.last(section, "name", DEFAULT_NAMES.get(section)))
        spec = self.find(section, name)
        if spec is None or (isinstance(spec, LossSpec) and not self._is_of_family(spec, section)):
            return Choice(name, Options())
        return Choice(name, self.parse(section, spec.options))

    def optimizer(self) -> OptimizerChoice:
        section = "optimizer"
        name = str(self.layers.last(section, "name", DEFAULT_NAMES[section]))
        spec = self.find(section, name)
        if spec is None:
            return OptimizerChoice(name, Options())
        shared = self.parse(section, spec.options)
        own = {group: self._group_options(section, group, spec.options) for group in NETWORK_GROUPS}
        return OptimizerChoice(name, shared, {group: options for group, options in own.items() if options is not None})

    def _group_options(self, section: str, group: str, options: type[OptionsType]) -> OptionsType | None:
        """The options of a group of networks, or ``None`` where it has none of its own."""
        where = f"{section}.{group}"
        for layer in self.layers.given:
            own = layer.get(section, {}).get(group, {})
            if not isinstance(own, Mapping):
                self.add_problem(where, f"must hold options, such as {where}.learning_rate=1e-4; got {shown(own)}")
        values, own_names = self.layers.group_values(section, group, options)
        if not own_names:
            return None
        parsed, problems = parse_options(options, values, where=where)
        # What is wrong with a shared option is said of that already.
        names = {where, *(f"{where}.{name}" for name in own_names)}
        self.problems += [each for each in problems if ".".join(each.field.split(".")[:3]) in names]
        return parsed if parsed is not None else cast(OptionsType, options.model_construct())

    def _is_of_family(self, spec: LossSpec, section: str) -> bool:
        """Whether a loss is of the family that the section asks for."""
        family = "adversarial" if section == "loss" else "pixel"
        if spec.family == family:
            return True
        specs = [component.spec for component in self.manager.components("loss")]
        known = ", ".join(each.name for each in specs if isinstance(each, LossSpec) and each.family == family)
        self.add_problem(
            f"{section}.name", f"must be one of the {family} losses ({known}); {spec.name!r} is not such a loss"
        )
        return False

    def discriminators(self) -> tuple[Choice, ...]:
        section = "discriminator"
        chosen = [
            Choice(spec.name, self.parse_values(where, spec.options, values))
            for where, spec, values in self._numbered(section)
        ]
        copies = self._discriminator_copies()
        return tuple(choice for choice in chosen for _ in range(copies))

    def pixel_losses(self) -> tuple[PixelLossChoice, ...]:
        section = "pixel_loss"
        chosen: list[PixelLossChoice] = []
        for where, spec, values in self._numbered(section):
            if not (isinstance(spec, LossSpec) and self._is_of_family(spec, section)):
                continue
            if "weight" in spec.options.model_fields:  # the loss weighs itself
                chosen.append(PixelLossChoice(spec.name, self.parse_values(where, spec.options, values)))
                continue
            weighted = self.parse_values(where, with_weight(spec.options), values)
            own, _ = parse_options(spec.options, {k: v for k, v in values.items() if k != "weight"}, where=where)
            chosen.append(PixelLossChoice(spec.name, own or spec.options.model_construct(), weighted.weight))
        return tuple(chosen)

    def _numbered(self, section: str) -> list[tuple[str, Spec, Values]]:
        """Of each of several: where it stands, for messages, its spec, and the values of its options."""
        noun, names = NUMBERED[section].noun, self._names_in_order(section)
        chosen = []
        for number, name in enumerate(names):
            spec = self.find(section, name)
            if spec is not None:
                where = section if len(names) == 1 else f"{section}.{number} ({name})"
                chosen.append((where, spec, self.layers.numbered_values(section, str(number), spec.options)))
        numbers = [str(number) for number in range(len(names))]
        for number_given, own in self.layers.numbered(section):
            where = f"{section}.{number_given}"
            if names and number_given not in numbers:
                are = f"is 1 {noun}" if len(names) == 1 else f"are {len(names)} {NUMBERED[section].plural}"
                self.add_problem(where, f"there {are}, numbered from 0")
            elif not isinstance(own, Mapping):
                self.add_problem(
                    where, f"must hold options, such as {where}.{NUMBERED[section].example}; got {shown(own)}"
                )
        return chosen

    def _names_in_order(self, section: str) -> Sequence[str]:
        names = self.layers.last(section, "name", NUMBERED[section].default)
        names = [names] if isinstance(names, str) else names
        if isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names):
            return names
        message = f"must be the name of a {NUMBERED[section].noun} or a list of names; got {shown(names)}"
        self.add_problem(f"{section}.name", message)
        return []

    def _discriminator_copies(self) -> int:
        copies = self.layers.last("discriminator", "copies", 1)
        if isinstance(copies, int) and 1 <= copies <= MOST_DISCRIMINATORS:
            return copies
        message = f"must be a whole number from 1 to {MOST_DISCRIMINATORS}; got {shown(copies)}"
        self.add_problem("discriminator.copies", message)
        return 1

    def metrics(self, best: str | None) -> tuple[Choice, ...]:
        """The metrics that were asked for, and the one that ``best`` is chosen by."""
        return self._named(MetricSpec, METRICS, *([] if best in (None, AUTO, CYCLE) else [str(best)]))

    def observers(self) -> tuple[Choice, ...]:
        return self._named(ObserverSpec, OBSERVERS)

    def augmentations(self) -> tuple[Choice, ...]:
        return self._named(AugmentationSpec, AUGMENTATIONS, option="--augment")

    def readers(self) -> tuple[Choice, ...]:
        """The readers that have options; the others need not be chosen, files choose them by their suffix."""
        named = [key for layer in self.layers.given for key in layer.get(READERS, {}) if key != "name"]
        return self._named(ReaderSpec, READERS, *named)

    def _named(self, spec_type: type[Spec], section: str, *more: str, option: str = "") -> tuple[Choice, ...]:
        """The components of a section of any number, and more of them; see :func:`unused` for ``option``."""
        names, problems = names_of(section, self.layers.last(section, "name", []))
        names = [*names, *more]
        given = [layer[section] for layer in self.layers.given if section in layer]
        chosen, wrong = choose_named(self.manager, spec_type, section, names, given)
        self.problems += [*problems, *wrong]
        for values in given:
            self.problems += unused(spec_type.kind, section, values, names, option)
        return tuple(chosen)

    def pairing_of(self, method: Choice) -> str:
        """What the method, with its options, needs of the data."""
        try:
            return str(self.manager.ask("method", method.name, "pairing", method.options))
        except PluginError as error:
            self.add_problem("method", str(error))
            return "unpaired"

    def check_pairing(self, method: str, pairing: str, data: Choice) -> None:
        """Refuse data that lack what the method needs; more than it needs does no harm."""
        given = [layer["data"]["pairing"] for layer in self.layers.given if "pairing" in layer.get("data", {})]
        if not given or not hasattr(data.options, "pairing"):
            return  # the method says so, whatever else is wrong with the data
        chosen = given[-1]
        if pairing != "unpaired" and chosen != pairing:
            message = f"must be {pairing!r} for method {method} with these options, which sets it; got {shown(chosen)}"
            self.add_problem("data.pairing", f"{message}; leave it out")

    def check_pixel_loss(self, method: Choice, spec: MethodSpec, chosen: Sequence[PixelLossChoice]) -> None:
        """Refuse another pixel loss than one that nobody chose, where the method has no use for it."""
        unasked = (DEFAULT_NAMES["pixel_loss"], spec.defaults.get("pixel_loss", {}).get("name"))
        first = chosen[0] if len(chosen) == 1 else None
        if first and first.name in unasked and first.weight == 1 and first.options == type(first.options)():
            return
        used, why = spec.pixel_loss, "has no term for it"
        if callable(used):
            why = "gives it no weight with these options"
            try:
                used = bool(self.manager.ask("method", method.name, "pixel_loss", method.options))
            except PluginError as error:
                self.add_problem("method", str(error))
                return
        if not used:
            names = ", ".join(choice.name for choice in chosen)
            self.add_problem("pixel_loss", f"method {method.name} {why}, so {names} would do nothing; leave it out")


def _fail(problems: Sequence[Problem]) -> None:
    """Raise one error that lists them."""
    lines = list(dict.fromkeys(map(str, problems)))
    count, unsaid = len(lines), len(lines) - MOST_PROBLEMS
    listed = "\n".join(f"  {line}" for line in lines[:MOST_PROBLEMS])
    listed += f"\n  and {unsaid} more" if unsaid > 0 else ""
    title = "one setting is wrong" if count == 1 else f"{count} settings are wrong"
    raise ConfigError(f"{title}:\n{listed}\nSee the options of a component with: i2i plugins show KIND NAME")


def _unknown_sections(given: Iterable[Layer]) -> list[Problem]:
    known = [*COMPONENTS, *PLAIN, METRICS, OBSERVERS, AUGMENTATIONS, READERS]
    return [
        Problem(
            cut(printable(section), LONGEST_SHOWN),
            f"there is no such section{did_you_mean(section, known)} (sections: {', '.join(known)})",
        )
        for layer in given
        for section in layer
        if section not in known
    ]


def _preset(root: str) -> dict[str, Any]:
    """The preset of a built-in sample: its usual method, and settings for each method."""
    if not root.startswith(SAMPLE_PREFIX):
        return {}
    path = PRESETS / "samples.yaml"
    presets: dict[str, Any] = parse_yaml(path.read_text(encoding="utf-8"))
    return {
        "method": presets["methods"].get(root.removeprefix(SAMPLE_PREFIX), DEFAULT_METHOD),
        "settings": presets["settings"],
    }


def _without_other_limits(preset: Layer, given: Iterable[Layer]) -> Layer:
    """The preset without its limits where a person gave one: the preset's would end the run first."""
    if not any(layer.get("training", {}).get(limit) is not None for layer in given for limit in LIMITS):
        return preset
    training = {key: value for key, value in preset.get("training", {}).items() if key not in LIMITS}
    return {**preset, "training": training}
