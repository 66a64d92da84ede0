"""From what a person gave to the resolved configuration.

Layers, each over the one before: options' defaults, the method's defaults, the preset of a built-in sample, the
``--config`` file, the command line. Every problem in them is reported at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, cast

from i2i.config.run_config import LIMITS, Choice, OptimizerOptions, RunConfig, ScheduleOptions, TrainingOptions
from i2i.errors import LONGEST_SHOWN, ConfigError, I2IError, PluginError, cut, did_you_mean, printable, shown
from i2i.files.texts import TextError, parse_yaml, read_yaml
from i2i.paths import named
from i2i.plugins.component_options import Options, Problem, parse_options
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import (
    SAMPLE_PREFIX,
    BufferSpec,
    DatasetSpec,
    DiscriminatorSpec,
    GeneratorSpec,
    LossSpec,
    MethodSpec,
    Spec,
)

Values = dict[str, Any]
Layer = dict[str, Values]
"""Section to option to value. The discriminator section may also hold ``"0"``, ``"1"``, ... for one of several."""

COMPONENTS: Mapping[str, type[Spec]] = {
    "method": MethodSpec,
    "generator": GeneratorSpec,
    "discriminator": DiscriminatorSpec,
    "loss": LossSpec,
    "pixel_loss": LossSpec,
    "buffer": BufferSpec,
    "data": DatasetSpec,
}
PLAIN: Mapping[str, type[Options]] = {
    "optimizer": OptimizerOptions,
    "schedule": ScheduleOptions,
    "training": TrainingOptions,
}
DEFAULT_NAMES = {"generator": "resnet9", "loss": "lsgan", "pixel_loss": "l1", "buffer": "none", "data": "folder"}
DEFAULT_DISCRIMINATOR = "patch70"
DEFAULT_METHOD = "cyclegan"
DEFAULT_DATA = "sample:flat-3d"
YAML_NULLS = ("", "~", "null", "Null", "NULL")
PRESETS = resources.files("i2i") / "data" / "presets"
MOST_DISCRIMINATORS = 16
MOST_PROBLEMS = 20
"""Wrong settings that one error lists; a screen holds no more."""

OptionsType = TypeVar("OptionsType", bound=Options)


@dataclass
class _Resolver:
    manager: PluginManager
    given: list[Layer]
    """What a person gave: the file, then the command line. Unknown options in these are errors."""
    assumed: list[Layer] = field(default_factory=list)
    """The method's defaults, then the preset. Options that a chosen component lacks are left out of these."""
    problems: list[Problem] = field(default_factory=list)

    def last(self, section: str, key: str, default: Any = None) -> Any:
        for layer in [*reversed(self.given), *reversed(self.assumed)]:
            if key in layer.get(section, {}):
                return layer[section][key]
        return default

    def values(self, section: str, options: type[Options], skip: Iterable[str] = ("name",)) -> Values:
        merged = self.assumed_values(section, options)
        for layer in self.given:
            merged.update(layer.get(section, {}))
        return {key: value for key, value in merged.items() if key not in skip}

    def assumed_values(self, section: str, options: type[Options]) -> Values:
        """What the method and the preset start from, as far as the chosen component has such options."""
        merged: Values = {}
        for layer in self.assumed:
            merged.update({k: v for k, v in layer.get(section, {}).items() if k in options.model_fields})
        return merged

    def parse(self, where: str, options: type[OptionsType], values: Values) -> OptionsType:
        parsed, problems = parse_options(options, values, where=where)
        self.problems += problems
        if parsed is not None:
            return parsed
        # The run ends with the problems; what defaults there are is enough to find out what else is wrong.
        return cast(OptionsType, options.model_construct())

    def settings(self, section: str, options: type[OptionsType]) -> OptionsType:
        """Resolve a section that holds no component."""
        return self.parse(section, options, self.values(section, options, skip=()))

    def choose(self, section: str) -> Choice:
        name = str(self.last(section, "name", DEFAULT_NAMES.get(section)))
        spec = self.find(section, name)
        if spec is None:
            return Choice(name, Options())
        if isinstance(spec, LossSpec):
            family = "adversarial" if section == "loss" else "pixel"
            if spec.family != family:
                known = [
                    component.spec.name
                    for component in self.manager.components("loss")
                    if isinstance(component.spec, LossSpec) and component.spec.family == family
                ]
                message = f"must be one of the {family} losses ({', '.join(known)}); {name!r} is a {spec.family} loss"
                self.problems.append(Problem(f"{section}.name", message))
                return Choice(name, Options())
        skip = ("name", "root") if section == "data" else ("name",)
        return Choice(name, self.parse(section, spec.options, self.values(section, spec.options, skip)))

    def choose_discriminators(self) -> tuple[Choice, ...]:
        names = self.last("discriminator", "name", DEFAULT_DISCRIMINATOR)
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
            message = f"must be the name of a discriminator or a list of names; got {shown(names)}"
            self.problems.append(Problem("discriminator.name", message))
            names = []
        copies = self.last("discriminator", "copies", 1)
        if not isinstance(copies, int) or not 1 <= copies <= MOST_DISCRIMINATORS:
            message = f"must be a whole number from 1 to {MOST_DISCRIMINATORS}; got {shown(copies)}"
            self.problems.append(Problem("discriminator.copies", message))
            copies = 1
        numbers = [str(number) for number in range(len(names))]
        chosen: list[Choice] = []
        for number, name in zip(numbers, names, strict=True):
            spec = self.find("discriminator", name)
            if spec is None:
                continue
            values = self.discriminator_values(number, spec.options)
            where = "discriminator" if len(names) == 1 else f"discriminator.{number} ({name})"
            chosen.append(Choice(name, self.parse(where, spec.options, values)))
        for layer in self.given:
            for key in layer.get("discriminator", {}):
                if names and key.isdigit() and key not in numbers:
                    are = "is 1 discriminator" if len(names) == 1 else f"are {len(names)} discriminators"
                    message = f"there {are}, numbered from 0"
                    self.problems.append(Problem(f"discriminator.{key}", message))
        return tuple(choice for choice in chosen for _ in range(copies))

    def discriminator_values(self, number: str, options: type[Options]) -> Values:
        """What is set for one of several: in each layer what holds for all of them, then what holds for this one."""
        merged = self.assumed_values("discriminator", options)
        for layer in self.given:
            section = layer.get("discriminator", {})
            merged.update({k: v for k, v in section.items() if k not in ("name", "copies") and not k.isdigit()})
            own = section.get(number, {})
            if isinstance(own, Mapping):
                merged.update({str(key): value for key, value in own.items()})
            else:
                message = f"must hold options, such as discriminator.{number}.base_channels=32; got {shown(own)}"
                self.problems.append(Problem(f"discriminator.{number}", message))
        return merged

    def check_pairing(self, method: str, pairing: str, data: Choice) -> None:
        """Refuse data that lack what the method needs; more than it needs does no harm."""
        given = [layer["data"]["pairing"] for layer in self.given if "pairing" in layer.get("data", {})]
        if not given or not hasattr(data.options, "pairing"):
            return  # it is what the method says, whatever else of the data is wrong
        chosen = given[-1]
        if pairing != "unpaired" and chosen != pairing:
            message = f"must be {pairing!r} for method {method} with these options, which sets it; got {shown(chosen)}"
            self.problems.append(Problem("data.pairing", f"{message}; leave it out"))

    def find(self, section: str, name: str) -> Spec | None:
        spec_type = COMPONENTS[section]
        try:
            return self.manager.spec(spec_type, name)
        except I2IError as error:
            self.problems.append(Problem(section, str(error)))
            return None

    def fail_on_problems(self) -> None:
        if self.problems:
            found = list(dict.fromkeys(map(str, self.problems)))
            count, unsaid = len(found), len(found) - MOST_PROBLEMS
            lines = "\n".join(f"  {problem}" for problem in found[:MOST_PROBLEMS])
            lines += f"\n  and {unsaid} more" if unsaid > 0 else ""
            title = "one setting is wrong" if count == 1 else f"{count} settings are wrong"
            raise ConfigError(f"{title}:\n{lines}\nSee the options of a component with: i2i plugins show KIND NAME")


def resolve(manager: PluginManager, given: list[Layer]) -> tuple[RunConfig, list[str]]:
    """Resolve what a person gave (file, then command line) to a configuration.

    Returns:
        The configuration, and notes for the person: what a preset decided.

    Raises:
        ConfigError: naming every wrong setting, the value given, what is allowed and the nearest name.
    """
    resolver = _Resolver(manager, given)
    _check_sections(resolver)
    root = str(resolver.last("data", "root", DEFAULT_DATA))
    preset = _preset(root)
    notes = []

    method_name = str(resolver.last("method", "name", preset.get("method", DEFAULT_METHOD)))
    method_spec = resolver.find("method", method_name)
    if method_spec is None:  # the other sections start from its defaults
        resolver.fail_on_problems()
    assert isinstance(method_spec, MethodSpec)
    resolver.assumed.append({section: dict(values) for section, values in method_spec.defaults.items()})
    preset_layer = preset.get("settings", {}).get(method_name, {})
    if preset_layer:
        if any(layer.get("training", {}).get(limit) is not None for layer in given for limit in LIMITS):
            # A person who gives one limit means that one: the preset's would end the run first.
            training = {key: value for key, value in preset_layer.get("training", {}).items() if key not in LIMITS}
            preset_layer = {**preset_layer, "training": training}
        resolver.assumed.append(preset_layer)
        notes.append(f"{root} comes with a preset for {method_name}; --dry-run shows it, --set changes it")

    method = Choice(
        method_name,
        resolver.parse("method", method_spec.options, resolver.values("method", method_spec.options)),
    )
    try:
        pairing = manager.ask("method", method_name, "pairing", method.options)
    except PluginError as error:
        resolver.problems.append(Problem("method", str(error)))
        pairing = "unpaired"
    resolver.assumed.append({"data": {"pairing": pairing}})
    config = RunConfig(
        method=method,
        generator=resolver.choose("generator"),
        discriminators=resolver.choose_discriminators(),
        loss=resolver.choose("loss"),
        pixel_loss=resolver.choose("pixel_loss"),
        buffer=resolver.choose("buffer"),
        data_root=root,
        data=resolver.choose("data"),
        optimizer=resolver.settings("optimizer", OptimizerOptions),
        schedule=resolver.settings("schedule", ScheduleOptions),
        training=resolver.settings("training", TrainingOptions),
    )
    resolver.check_pairing(method_name, pairing, config.data)
    resolver.fail_on_problems()
    return config, notes


def config_from_dict(manager: PluginManager, values: Mapping[str, Any]) -> RunConfig:
    """Read back what :meth:`RunConfig.to_dict` wrote.

    Raises:
        ConfigError: when it does not fit the installed components.
    """
    return resolve(manager, [layer_from_mapping(values, "the run's config.yaml")])[0]


def layer_from_file(path: str | Path) -> Layer:
    """Read a YAML file of sections.

    Raises:
        ConfigError: when it cannot be read, is no YAML or has no sections.
    """
    try:
        values = read_yaml(named(path))
    except OSError as error:
        raise ConfigError(f"--config {path}: cannot be read: {error.strerror}") from error
    except TextError as error:
        raise ConfigError(f"--config {path}: {error}") from error
    return layer_from_mapping({} if values is None else values, f"--config {path}")


def layer_from_mapping(values: Any, where: str) -> Layer:
    """Turn nested values into a layer; a list of discriminators becomes names and numbered options.

    Raises:
        ConfigError: when a section is no mapping.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected sections such as 'generator:'; got {type(values).__name__}")
    layer: Layer = {}
    for section, content in values.items():
        if section == "discriminator" and isinstance(content, list):
            for entry in content:
                if not isinstance(entry, str | Mapping):
                    raise ConfigError(f"{where}: a discriminator must be a name or options; got {shown(entry)}")
            entries = [{"name": entry} if isinstance(entry, str) else dict(entry) for entry in content]
            layer["discriminator"] = {
                "name": [entry.pop("name", DEFAULT_DISCRIMINATOR) for entry in entries],
                **{str(number): entry for number, entry in enumerate(entries)},
            }
        elif isinstance(content, str) and section in COMPONENTS:
            layer[str(section)] = {"name": content}
        elif isinstance(content, Mapping):
            layer[str(section)] = {str(key): value for key, value in content.items()}
        else:
            raise ConfigError(f"{where}: section {shown(section)} must hold options; got {shown(content)}")
    return layer


def layer_from_settings(settings: Iterable[str] | Mapping[str, Any]) -> Layer:
    """Turn ``section.option=value`` strings (or such a mapping) into a layer; values are read as YAML.

    Raises:
        ConfigError: when one is not of that form.
    """
    layer: Layer = {}
    pairs = list(settings.items()) if isinstance(settings, Mapping) else [_split(setting) for setting in settings]
    twice = next((name for name, times in Counter(name for name, _ in pairs).items() if times > 1), None)
    if twice is not None:
        came = " and ".join(shown(value) for name, value in pairs if name == twice)
        raise ConfigError(f"--set {cut(printable(twice), LONGEST_SHOWN)} is given twice, with {came}; leave one out")
    for name, value in pairs:
        section, _, key = name.partition(".")
        if not key:
            raise ConfigError(_no_setting(name))
        target = layer.setdefault(section, {})
        number, _, rest = key.partition(".")
        if section == "discriminator" and number.isdigit() and rest:
            target, key = target.setdefault(number, {}), rest
        target[key] = value
    return layer


def _split(setting: str) -> tuple[str, Any]:
    name, equals, text = setting.partition("=")
    if not equals:
        raise ConfigError(_no_setting(setting))
    try:
        value = parse_yaml(text)
    except TextError as error:
        raise ConfigError(f"--set {cut(printable(setting), LONGEST_SHOWN)}: the value {error}") from error
    if value is None and text.strip() not in YAML_NULLS:
        value = text.strip()  # to YAML #ffffff is a comment; here it is a colour
    return name.strip(), value


def _no_setting(setting: str) -> ConfigError:
    given = cut(printable(setting), LONGEST_SHOWN)
    return ConfigError(f"--set {given}: expected section.option=value, such as generator.base_channels=32")


def merge_once(settings: Layer, options: Layer) -> Layer:
    """Merge what was given in two ways at once; the same option with two values is an error.

    Args:
        settings: from ``--set``.
        options: from options of their own, such as ``--steps``.

    Raises:
        ConfigError: naming the option and both values.
    """
    for section, values in options.items():
        for key, value in values.items():
            other = settings.get(section, {}).get(key, value)
            if str(other) != str(value) and other != value:
                raise ConfigError(
                    f"{section}.{key} is given twice, as an option of its own with {shown(value)} and with --set "
                    f"{section}.{key}={shown(other)}; leave one out"
                )
    return merge(settings, options)


def merge(*layers: Layer) -> Layer:
    """Merge layers section by section, later ones winning."""
    merged: Layer = {}
    for layer in layers:
        for section, values in layer.items():
            merged.setdefault(section, {}).update(values)
    return merged


def _check_sections(resolver: _Resolver) -> None:
    known = [*COMPONENTS, *PLAIN]
    for layer in resolver.given:
        for section in layer:
            if section not in known:
                message = f"there is no such section{did_you_mean(section, known)} (sections: {', '.join(known)})"
                resolver.problems.append(Problem(cut(printable(section), LONGEST_SHOWN), message))


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
