"""Looking at data before anything is trained on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from i2i.api.arguments import PluginFiles, Settings, manager_of
from i2i.api.run_options import RunOptions
from i2i.environment.packages import require
from i2i.errors import ConfigError
from i2i.images.limits import DEFAULT_MAX_PIXELS
from i2i.paths import named
from i2i.plugins.manager import PluginManager

if TYPE_CHECKING:
    from i2i.config.run_config import RunConfig
    from i2i.data_checks.data_report import DataReport


def check_data(
    data: str | Path,
    *,
    method: str | None = None,
    direction: str | None = None,
    image_size: int | None = None,
    out: str | Path | None = None,
    force: bool = False,
    set: Settings = (),  # noqa: A002 - what the command line calls it
    plugins: PluginFiles = (),
    manager: PluginManager | None = None,
) -> DataReport:
    """Look at every image that a run would train on or hold out, and find what would spoil its result.

    Nothing is changed or removed. Each image is read, and kept in memory as 32 x 32 pixels.

    Args:
        data: a folder, or ``sample:flat-3d``, as for :func:`i2i.run`.
        method: of the run; ``pix2pix`` looks at pairs. By default ``cyclegan``, for which equal names are pairs that
            are measured.
        direction: ``AtoB`` or ``BtoA``.
        image_size: side of the run's crops, by which images are said to be enlarged.
        out: a file for a page with pictures, ending in ``.html``.
        force: whether a file that exists may be replaced.
        set: options of the data set, ``{"data.group": "^(.+?)_"}`` or ``["data.group=^(.+?)_"]``.
        plugins: plugins that are a Python file each.
        manager: the plugins, instead of ``plugins`` and those that are installed.

    Returns:
        The findings, the gravest first; ``.spoils`` says whether any spoils what would be measured.

    Raises:
        ConfigError: settings are wrong, or the file exists.
        DataError: the data cannot be used at all, or the data set does not list its files.
        PluginError: a component is missing or fails.
    """
    page = None if out is None else named(out)
    if page is not None and page.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{page}: the page of a check must end in .html")
    if page is not None and page.exists() and not force:
        raise ConfigError(f"{page} exists; name another file, or replace it with --force")
    require("looking at the data", "torch")

    from i2i.config.dataset_opening import build_datasets
    from i2i.config.resolver import resolve
    from i2i.data_checks.check_page import write_check_page
    from i2i.data_checks.data_report import examine
    from i2i.images.readers import Readers

    manager = manager_of(manager, plugins)
    options = RunOptions(data=data, method=method, direction=direction, image_size=image_size, set=set)
    config, _ = resolve(manager, [options.to_layer()])
    train, test, config = build_datasets(manager, _with_bad_files(config))
    readers = Readers(manager, [choice.to_dict() for choice in config.readers])
    max_pixels = getattr(config.data.options, "max_pixels", DEFAULT_MAX_PIXELS)
    report = examine(
        config.data_root,
        {"train": train, "test": test},
        readers,
        paired=getattr(config.data.options, "pairing", "") == "paired",
        max_pixels=max_pixels,
        skipped=[str(each) for each in getattr(train, "skipped", ())],
    )
    if page is not None:
        write_check_page(page, report, readers, max_pixels=max_pixels)
    return report


def _with_bad_files(config: RunConfig) -> RunConfig:
    """The configuration with files that cannot be used left out and listed, where the data set can do that."""
    options = config.data.options
    if "skip_bad" not in type(options).model_fields:
        return config
    skipping = type(options)(**{**options.model_dump(), "skip_bad": True})
    return replace(config, data=replace(config.data, options=skipping))
