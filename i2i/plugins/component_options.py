"""Options: the typed settings of a plugin, defined beside the thing they configure.

The same class feeds the command line (``--set generator.base_channels=32``), the YAML file, ``i2i plugins show``,
the generated documentation and the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from i2i.errors import LONGEST_SHOWN, cut, did_you_mean, printable, reason_of, shown


class Options(BaseModel):
    """Base class of all option models: unknown names are refused, values are frozen once validated.

    Give every field a type, a default, bounds and a ``description`` through :func:`pydantic.Field`. A person sets it by
    the field's name, also where it has an alias.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True, populate_by_name=True
    )


OptionsType = TypeVar("OptionsType", bound=Options)


@dataclass(frozen=True)
class OptionField:
    """One option as a person sees it: what ``i2i plugins show`` and the generated docs print."""

    name: str
    type: str
    default: Any
    bounds: str
    description: str


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a configuration."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def describe_options(options: type[Options]) -> list[OptionField]:
    """List the fields of an option model with type, default, bounds and description."""
    schema = options.model_json_schema(by_alias=False)
    properties, definitions = schema.get("properties", {}), schema.get("$defs", {})
    fields = []
    for name, field in options.model_fields.items():
        fields.append(
            OptionField(
                name=name,
                type=_type_of(properties[name], definitions),
                default=None if field.is_required() else _typed(field.get_default(call_default_factory=True)),
                bounds=_bounds_of(properties[name]),
                description=field.description or "",
            )
        )
    return fields


def parse_options(
    options: type[OptionsType], values: Mapping[str, Any], *, where: str
) -> tuple[OptionsType | None, list[Problem]]:
    """Validate ``values`` and return the options, or ``None`` and every problem found.

    Args:
        options: the option model.
        values: what a person gave, by field name; strings are converted as pydantic does, and ``none`` is not a value
            for an option that can be left without one.
        where: the prefix of the field names in the problems, such as ``"generator"``.
    """
    plain = {
        name: None if value == "none" and _none_means_no_value(options, name) else value
        for name, value in values.items()
    }
    try:
        return options.model_validate(plain), []
    except ValidationError as error:
        return None, [_problem(options, detail, where) for detail in error.errors()]
    except Exception as error:  # of a plugin's validator; pydantic explains ValueError and AssertionError alone
        return None, [Problem(where, f"its options could not be checked: {type(error).__name__}: {reason_of(error)}")]


def _problem(options: type[Options], detail: Any, where: str) -> Problem:
    field = cut(printable(".".join([where, *(str(part) for part in detail["loc"])])), LONGEST_SHOWN)
    if detail["type"] == "extra_forbidden":
        name = str(detail["loc"][-1])
        known = list(options.model_fields)
        listed = ", ".join(sorted(known)) or "none"
        return Problem(field, f"there is no such option{did_you_mean(name, known)} (options: {listed})")
    message = cut(detail["msg"].removeprefix("Value error, "))
    if not detail["loc"]:  # about several options together: the input is all of them, and the message names its own
        return Problem(field, message)
    message = message[:1].lower() + message[1:]
    return Problem(field, f"got {shown(detail['input'])}: {message}")


def _none_means_no_value(options: type[Options], name: str) -> bool:
    """Whether the option may be ``None`` and has no choice of its own that is called ``none``."""
    if name not in options.model_fields:
        return False
    parts = [options.model_fields[name].annotation]
    for part in parts:  # grows: a union holds types, which may be unions
        if get_origin(part) is not Literal:
            parts.extend(get_args(part) if get_origin(part) in (Union, UnionType) else ())
    choices = [choice for part in parts for choice in (get_args(part) if get_origin(part) is Literal else ())]
    return (type(None) in parts or None in choices) and "none" not in choices


def _typed(value: Any) -> Any:
    """A default as a person types it: an enumeration's value instead of the member."""
    if isinstance(value, Enum):
        return value.value
    if type(value) in (list, tuple):
        return type(value)(_typed(item) for item in value)
    return value


def _type_of(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _type_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " | ".join(_type_of(part, definitions) for part in schema["anyOf"])
    kind = str(schema.get("type", "any"))
    if kind == "array" and "items" in schema:
        return f"list of {_type_of(schema['items'], definitions)}"
    return {"boolean": "true | false", "null": "none"}.get(kind, kind)


def _bounds_of(schema: Mapping[str, Any]) -> str:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    parts = [schema, *schema.get("anyOf", [])]
    return ", ".join(f"{sign} {part[key]}" for part in parts for key, sign in signs.items() if key in part)
