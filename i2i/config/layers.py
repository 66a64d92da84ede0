"""Layers of settings: what somebody gave in one place, before the components that it is for are known.

A layer comes from a file, from ``--set`` or from options of the command line; :class:`Layers` puts several of them
over each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from i2i.config.sections import AUGMENTATIONS, COMPONENTS, METRICS, NUMBERED, OBSERVERS, READERS
from i2i.errors import LONGEST_SHOWN, ConfigError, cut, printable, shown
from i2i.files.texts import TextError, parse_yaml, read_yaml
from i2i.paths import named
from i2i.plugins.component_options import Options
from i2i.plugins.specs import NETWORK_GROUPS

Values = dict[str, Any]
Layer = dict[str, Values]
"""Section to option to value.

The sections of discriminators and pixel losses may also hold ``"0"``, ``"1"``, ... for one of several, that of the
optimiser ``"generators"`` and ``"discriminators"`` for one group of networks, and those of metrics, observers,
augmentations and readers the options of each under its name.
"""

GROUPED = {"optimizer": NETWORK_GROUPS}
"""Sections that may hold options for one group of networks."""

SEVERAL = (METRICS, OBSERVERS, AUGMENTATIONS, READERS)
"""Sections that choose any number of components."""

YAML_NULLS = ("", "~", "null", "Null", "NULL")


def layer_from_file(path: str | Path) -> Layer:
    """Read a YAML file of sections.

    Raises:
        ConfigError: when it cannot be read, is not YAML or has no sections.
    """
    try:
        values = read_yaml(named(path))
    except OSError as error:
        raise ConfigError(f"--config {path}: cannot be read: {error.strerror}") from error
    except TextError as error:
        raise ConfigError(f"--config {path}: {error}") from error
    return layer_from_mapping({} if values is None else values, f"--config {path}")


def layer_from_mapping(values: Any, where: str) -> Layer:
    """Turn nested values into a layer; a list of discriminators or pixel losses becomes names and numbered options.

    Raises:
        ConfigError: when a section is not a mapping.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected sections such as 'generator:'; got {type(values).__name__}")
    layer: Layer = {}
    for section, content in values.items():
        if section in NUMBERED and isinstance(content, list):
            layer[section] = _several_numbered(content, section, where)
        elif section in SEVERAL and isinstance(content, list):
            layer[section] = _several_named(content, section, where)
        elif isinstance(content, str) and section in COMPONENTS:
            layer[str(section)] = {"name": content}
        elif isinstance(content, Mapping):
            layer[str(section)] = {str(key): value for key, value in content.items()}
        else:
            raise ConfigError(f"{where}: section {shown(section)} must hold options; got {shown(content)}")
    return layer


def _several_numbered(entries: list[Any], section: str, where: str) -> Values:
    """Turn a list of components into their names, and the options of each under its number."""
    noun, default = NUMBERED[section].noun, NUMBERED[section].default
    for entry in entries:
        if not isinstance(entry, str | Mapping):
            raise ConfigError(f"{where}: a {noun} must be a name or options; got {shown(entry)}")
    options = [{"name": entry} if isinstance(entry, str) else dict(entry) for entry in entries]
    return {
        "name": [each.pop("name", default) for each in options],
        **{str(number): each for number, each in enumerate(options)},
    }


def _several_named(entries: list[Any], section: str, where: str) -> Values:
    """Turn a list of components into their names, and the options of each under its name."""
    names, options = [], {}
    for entry in entries:
        name = entry.get("name") if isinstance(entry, Mapping) else entry
        if not isinstance(name, str):
            raise ConfigError(f"{where}: each of {section} must be a name, or options with a name; got {shown(entry)}")
        names.append(name)
        if isinstance(entry, Mapping):
            options[name] = {str(key): value for key, value in entry.items() if key != "name"}
    return {**options, "name": names}


def with_observers(layer: Layer) -> Layer:
    """A layer whose trackers, as versions before called the first observers, are observers.

    Raises:
        ConfigError: it names observers as well.
    """
    training, observers = layer.get("training", {}), layer.get(OBSERVERS, {})
    if "trackers" not in training:
        return layer
    if training["trackers"] and "name" in observers:
        raise ConfigError(
            f"training.trackers is the earlier name of {OBSERVERS}.name, and both are given, with "
            f"{shown(training['trackers'])} and {shown(observers['name'])}; put all of them into {OBSERVERS}.name "
            "(--observer, repeated)"
        )
    kept = {key: value for key, value in training.items() if key != "trackers"}
    return {**layer, "training": kept, OBSERVERS: {"name": training["trackers"], **observers}}


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
        own, _, rest = key.partition(".")
        if rest and _has_own_options(section, own):
            target, key = target.setdefault(own, {}), rest
            if not isinstance(target, dict):
                raise ConfigError(f"--set {section}.{own} is given twice: as a whole and as {name}; leave one out")
        target[key] = value
    return layer


def _has_own_options(section: str, own: str) -> bool:
    """Whether the section holds, under this name, options for one of several."""
    if section in NUMBERED:
        return own.isdigit()
    return section in SEVERAL or own in GROUPED.get(section, ())


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


@dataclass
class Layers:
    """Layers over each other; later ones win.

    Attributes:
        given: what a person gave: the file, then the command line. Unknown options in these are errors.
        assumed: below them the method's defaults, then the preset. Options that the chosen component lacks are left out
            of these.
    """

    given: list[Layer]
    assumed: list[Layer] = field(default_factory=list)

    def last(self, section: str, key: str, default: Any = None) -> Any:
        """The value that wins."""
        for layer in [*reversed(self.given), *reversed(self.assumed)]:
            if key in layer.get(section, {}):
                return layer[section][key]
        return default

    def values(self, section: str, options: type[Options]) -> Values:
        """All values of a section, for a component with these options."""
        merged = self._assumed_values(section, options)
        for layer in self.given:
            merged.update(layer.get(section, {}))
        return merged

    def group_values(self, section: str, group: str, options: type[Options]) -> tuple[Values, set[str]]:
        """The values of one group of networks: in each layer what holds for all, then what holds for this one.

        Returns:
            All its values, and the names of those that are its own.
        """
        merged: Values = {}
        own_names: set[str] = set()
        for number, layer in enumerate([*self.assumed, *self.given]):
            values = layer.get(section, {})
            own = values.get(group)
            own = {str(key): value for key, value in own.items()} if isinstance(own, Mapping) else {}
            shared = {key: value for key, value in values.items() if key not in ("name", *NETWORK_GROUPS)}
            if number < len(self.assumed):
                shared, own = ({k: v for k, v in each.items() if k in options.model_fields} for each in (shared, own))
            merged.update({**shared, **own})
            own_names = (own_names - shared.keys()) | own.keys()
        return merged, own_names

    def numbered_values(self, section: str, number: str, options: type[Options]) -> Values:
        """The values of one of several: in each layer what holds for all of them, then what holds for this one."""
        elsewhere = COMPONENTS[section].reserved
        merged = self._assumed_values(section, options)
        since_named = self.since_named(section)
        for layer in self.given:
            values = layer.get(section, {})
            merged.update({k: v for k, v in values.items() if k not in elsewhere and not k.isdigit()})
            own = values.get(number, {}) if layer in since_named else {}
            if isinstance(own, Mapping):
                merged.update({str(key): value for key, value in own.items()})
        return merged

    def since_named(self, section: str) -> list[Layer]:
        """The layers from the last that names components of the section: numbers in others are of other ones."""
        naming = [number for number, layer in enumerate(self.given) if "name" in layer.get(section, {})]
        return self.given[naming[-1] :] if naming else self.given

    def numbered(self, section: str) -> Iterable[tuple[str, Any]]:
        """What was given for one of several, by its number: of those that were named last."""
        for layer in self.since_named(section):
            yield from ((key, value) for key, value in layer.get(section, {}).items() if key.isdigit())

    def _assumed_values(self, section: str, options: type[Options]) -> Values:
        merged: Values = {}
        for layer in self.assumed:
            merged.update({k: v for k, v in layer.get(section, {}).items() if k in options.model_fields})
        return merged
