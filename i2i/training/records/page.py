"""The page of a run: ``index.html``, made from what lies in the run folder and nothing else.

It can be written at any moment of a run, also after a crash: what is missing is left out, what is damaged is named.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from i2i.errors import RunFolderError, cut, printable
from i2i.files.atomic import write_whole
from i2i.files.texts import TextError, parse_json, parse_yaml, read_text
from i2i.models.scores import (
    BASELINES,
    INTERVAL,
    TARGET,
    Baseline,
    Metric,
    best_baseline,
    blindness,
    interval_of,
    measured_baselines,
)
from i2i.plugins.directions import given_names
from i2i.training.records.curves import Panel, augmentation_panels, loss_panels, metric_panels
from i2i.training.records.run_log import RunLog, is_number, read_log
from i2i.training.records.run_result import resume_command
from i2i.training.records.shown_cases import find_cases

PAGE_FILE = "index.html"
LONGEST_RULE = 1000
"""Characters of what images are held out by that the page shows."""
LONGEST_SHOWN = 1 << 20
"""Bytes of a file of the run that the page shows."""

_UNKNOWN_TRUTH = "The true translations are not known: judge by the samples."
_BETTER = "better than"
_RECORDS = ("metrics.jsonl", "config.yaml", "environment.json", "picture.png")
_SHEET_NAME = re.compile(r"step-(\d+)\.png")


@dataclass(frozen=True)
class _Row:
    name: str
    note: str
    value: str
    interval: str
    baselines: list[str]


@dataclass(frozen=True)
class _Numbers:
    """One direction's held-out metrics, with those baselines that were measured; ``reading`` says what they mean."""

    direction: str
    images: int | None
    baselines: list[Baseline]
    rows: list[_Row]
    reading: str


@dataclass(frozen=True)
class _Sheets:
    """One direction's sample sheets, oldest first: ``[{"step": int, "source": relative address}]``."""

    direction: str
    steps: list[dict[str, Any]]
    titles: list[str]
    rows: int
    size: tuple[int, int] | None
    gap_percent: float


@dataclass
class _Run:
    """What could be read from a run folder."""

    config: dict[str, Any] = field(default_factory=dict)
    config_text: str = ""
    environment: dict[str, Any] = field(default_factory=dict)
    log: RunLog = field(default_factory=RunLog)
    problems: list[str] = field(default_factory=list)


def write_page(folder: Path, metrics: Mapping[str, Metric]) -> Path:
    """Write ``index.html`` into a run folder and return its path.

    One file with its styles, script and curves inside; only the sample pictures are separate, by relative address. It
    opens from disk and needs no network.

    Args:
        folder: a run folder; ``config.yaml``, ``environment.json``, ``metrics.jsonl``, ``samples/`` and
            ``picture.png`` are used where they exist.
        metrics: what they are called; see :func:`~i2i.models.scores.table_of`. One that is not there, such as that of
            a package which is gone, is shown under its stored name.

    Raises:
        RunFolderError: there is no such folder, or the page cannot be written.
    """
    if not folder.is_dir():
        raise RunFolderError(f"cannot write the page of {folder}: expected a run folder, found none; check the path")
    run = _read(folder)
    templates = page_templates()
    names = given_names(_mapping(run.config.get("data")))
    templates.filters["direction"] = partial(_readable_direction, names=names)
    html = templates.get_template("page.html.jinja").render(_context(folder, run, metrics))
    return write_whole(folder / PAGE_FILE, html.encode())


def page_templates(*packages: str) -> jinja2.Environment:
    """The templates of pages: a run's and, before them, those in ``templates`` of further packages."""
    own = [jinja2.PackageLoader(package) for package in (*packages, "i2i.training.records")]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([*own, jinja2.PackageLoader("i2i", "data/pages")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_readable,
    )
    environment.filters["direction"] = partial(_readable_direction, names={})
    environment.filters["thousands"] = "{:,}".format
    return environment


def _readable(value: Any) -> Any:
    """A value as a template shows it: no name of a file or folder reverses the reading order, or cannot be encoded."""
    return printable(value, lines=True) if type(value) is str else value


def _context(folder: Path, run: _Run, metrics: Mapping[str, Metric]) -> dict[str, Any]:
    last = run.log.evaluations[-1] if run.log.evaluations else None
    measured = (
        metric_panels(run.log.evaluations, metrics) if len(run.log.evaluations) > 1 else []
    )  # the table already shows a single one
    trained = [*loss_panels(run.log.train), *augmentation_panels(run.log.train)]
    sheets = _sheets(folder, run.problems)
    cases = find_cases(folder, last["step"], metrics, run.problems) if last else []
    return {
        "name": folder.resolve().name,
        "title": _title(run.config) or "A training run",
        "facts": _facts(run),
        "problems": run.problems,
        "evaluated_step": last["step"] if last else None,
        "held_out_by": _text_of(last.get("held_out_by")) if last else "",
        "numbers": [_numbers(name, values, last, metrics) for name, values in last["directions"].items() if values]
        if last
        else [],
        "notes": _notes(last),
        "sheets": sheets,
        "cases": cases,
        "picture": (folder / "picture.png").is_file(),
        "files": [name for name in _RECORDS if (folder / name).is_file()],
        "panels": [[for_template(panel) for panel in row] for row in (trained, measured) if row],
        "commands": _commands(folder),
        "config_text": run.config_text,
        "environment": {name: _plain(value) for name, value in run.environment.items()},
    }


def _read(folder: Path) -> _Run:
    run = _Run()
    run.config_text = _text(folder / "config.yaml", run.problems)
    try:
        run.config = _mapping(parse_yaml(run.config_text))
    except TextError as error:
        run.problems.append(f"config.yaml {error}; it is shown as it is.")
    environment = _text(folder / "environment.json", run.problems)
    try:
        run.environment = _mapping(parse_json(environment or "{}"))
    except TextError as error:
        run.problems.append(f"environment.json {error}; it was left out.")

    try:
        run.log = read_log(folder / "metrics.jsonl")
    except FileNotFoundError:
        pass
    except OSError as error:
        run.problems.append(f"metrics.jsonl could not be read: {error.strerror or error}.")
    if run.log.damaged:
        lines, were = ("1 line", "was") if run.log.damaged == 1 else (f"{run.log.damaged:,} lines", "were")
        run.problems.append(f"{lines} of metrics.jsonl could not be read and {were} left out.")
    return run


def _text(path: Path, problems: list[str]) -> str:
    try:
        return read_text(path, LONGEST_SHOWN)
    except FileNotFoundError:
        return ""
    except TextError as error:
        problems.append(f"{path.name} {error}; it was left out.")
    except OSError as error:
        problems.append(f"{path.name} could not be read: {error.strerror or error}.")
    return ""


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text_of(value: Any) -> str:
    return cut(value, LONGEST_RULE) if isinstance(value, str) else ""


def _chosen(config: Mapping[str, Any], section: str) -> str:
    """The names chosen in a section, such as ``"resnet9"`` or ``"patch70 + pixel"``; empty when there are none."""
    found = config.get(section)
    choices = found if isinstance(found, list) else [found]
    return " + ".join(_plain(choice["name"]) for choice in choices if isinstance(choice, dict) and "name" in choice)


def _title(config: Mapping[str, Any]) -> str:
    given = _mapping(config.get("training")).get("title")
    if isinstance(given, str) and given:
        return cut(given, LONGEST_RULE)
    method, generator = _chosen(config, "method"), _chosen(config, "generator")
    root = Path(str(_mapping(config.get("data")).get("root") or "")).name  # the rest of a path is in the settings
    title = " with ".join(part for part in (method, generator) if part)
    return f"{title} on {root}" if title and root else title


def _facts(run: _Run) -> list[tuple[str, str]]:
    """The run at a glance: label and value."""
    facts = []
    if run.log.last is not None:
        last = run.log.last
        steps = f"{last['step']:,}"
        planned = _mapping(run.config.get("training")).get("steps")
        if is_number(planned) and planned > last["step"]:
            steps += f" of {planned:,}"
        facts.append(("steps", steps))
        if is_number(last.get("epoch")):
            facts.append(("epochs", f"{last['epoch']:,.1f}"))
        if is_number(last.get("seconds")):
            facts.append(("training time", _duration(last["seconds"])))
        speeds = [record["images_per_second"] for record in run.log.train if is_number(record.get("images_per_second"))]
        if speeds:
            facts.append(("images a second", f"{median(speeds):.3g}"))
    for label, section in (("discriminator", "discriminator"), ("loss", "loss"), ("buffer", "buffer")):
        if _chosen(run.config, section):
            facts.append((label, _chosen(run.config, section)))
    return facts


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _numbers(
    direction: str, values: Mapping[str, float], evaluation: Mapping[str, Any], metrics: Mapping[str, Metric]
) -> _Numbers:
    rows = []
    known = {f"{prefix}{name}" for name in metrics for prefix in ("", *(each.prefix for each in (*BASELINES, TARGET)))}
    measured = measured_baselines(values, metrics)
    for name, metric in metrics.items():
        if name in values:
            beside = [values.get(f"{each.prefix}{name}") for each in measured]
            shown = ["" if value is None else _shown(metric, value) for value in beside]
            note = f"{metric.meaning}{f', {metric.scale}' if metric.scale else ''}; {metric.direction} is better"
            ends = interval_of(values, name)
            interval = f"{metric.number(ends[0])} to {metric.number(ends[1])}" if ends else ""
            rows.append(_Row(metric.name, note, _shown(metric, values[name]), interval, shown))
    known |= {"images", *(f"{name}{end}" for name in metrics for end in INTERVAL)}
    others = {name: value for name, value in values.items() if name not in known}
    rows += [_Row(name, "", f"{value:.4g}", "", [""] * len(measured)) for name, value in others.items()]
    images: Any = values.get("images", evaluation.get("images"))
    return _Numbers(
        direction,
        int(images) if is_number(images) else None,
        measured,
        rows,
        _reading(values, metrics) or _UNKNOWN_TRUTH * ("l1" not in values),
    )


def _notes(evaluation: Mapping[str, Any] | None) -> list[str]:
    """What a person should know before quoting the numbers."""
    notes = (evaluation or {}).get("notes")
    return [str(note) for note in notes] if isinstance(notes, list) else []


def _shown(metric: Metric, value: float) -> str:
    return metric.text(value).replace("inf", "∞")


def _reading(values: Mapping[str, float], metrics: Mapping[str, Metric]) -> str:
    """What each metric says against the best of its baselines, such as
    ``"L1 18.00: worse than fitting the colours alone (14.50), and so are PSNR and SSIM. ..."``.
    """
    groups: dict[str, list[tuple[str, str]]] = {}  # what each metric says to its name and the baseline's number
    verdicts = set()
    for name, metric in metrics.items():
        if name in values and (best := best_baseline(values, name, metric)):
            verdict = _verdict(metric, values[name], best[1])
            verdicts.add(verdict)
            groups.setdefault(f"{verdict} {best[0].deed}", []).append((name, _shown(metric, best[1])))
    parts = []
    for said, ((first, baseline), *others) in groups.items():
        same = " and ".join(metrics[name].name for name, _ in others)
        part = f"{metrics[first].name} {_shown(metrics[first], values[first])}: {said} ({baseline})"
        parts.append(part + (f", and so {'is' if len(others) == 1 else 'are'} {same}" if same else ""))
    sentences = ["; ".join(parts) + "."] if parts else []
    if verdicts and _BETTER not in verdicts:
        sentences.append("The model does no better than what needs no network.")
    if blind := blindness(values):
        sentences.append(f"{blind}.")
    return " ".join(sentences)


def _verdict(metric: Metric, value: float, baseline: float) -> str:
    if metric.text(value) == metric.text(baseline):
        return "no different from"
    return _BETTER if (value - baseline) * metric.better > 0 else "worse than"


def _sheets(folder: Path, problems: list[str]) -> list[_Sheets]:
    found = []
    directions = sorted(path for path in (folder / "samples").glob("*") if path.is_dir())
    for direction in directions:
        names = {
            int(match[1]): path.name for path in direction.iterdir() if (match := _SHEET_NAME.fullmatch(path.name))
        }
        if not names:
            continue
        steps = [{"step": step, "source": quote(f"samples/{direction.name}/{names[step]}")} for step in sorted(names)]
        try:
            about = parse_json(_text(direction / "columns.json", problems))
            titles, rows = [str(title) for title in about["titles"]], int(about["rows"])
            (width, height), gap = (int(size) for size in about["cell"]), int(about["gap"])
            size = (len(titles) * (width + gap) - gap, rows * (height + gap) - gap)
            found.append(_Sheets(direction.name, steps, titles, rows, size, 100 * gap / size[0]))
        except (ValueError, KeyError, TypeError, OverflowError, ZeroDivisionError):
            problems.append(f"samples/{direction.name}/columns.json could not be read: the columns have no headings.")
            found.append(_Sheets(direction.name, steps, [], 0, None, 0.0))
    return found


def _readable_direction(direction: str, names: Mapping[str, str]) -> str:
    found = re.fullmatch(r"([AB])to([AB])", direction)
    return " → ".join(names.get(domain, domain) for domain in found.groups()) if found else direction


def for_template(panel: Panel) -> dict[str, Any]:
    """A panel as ``panels.html.jinja`` takes it."""
    return {**vars(panel), "svg": Markup(panel.svg)}  # our own drawing; it holds no text from outside


def _commands(folder: Path) -> list[tuple[str, str]]:
    """How to resume the run, as a person would type it where the page was written: explanation and command."""
    try:
        path = os.path.relpath(folder)
    except ValueError:  # another drive
        path = str(folder)
    path = str(folder.resolve()) if path.startswith("..") else path
    return [("Resume from the last checkpoint", resume_command(path))]


def _plain(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)
