"""Functions behind ``import i2i``: every command is a thin front of one of them. Imports torch on first use.

Begin with :mod:`~i2i.api.training` for ``run`` and ``resolve``, with :mod:`~i2i.api.data_checking` for ``check_data``,
with :mod:`~i2i.api.creation` for ``create``, with :mod:`~i2i.api.using` for ``load``, ``export``, ``convert`` and
``evaluate``, with :mod:`~i2i.api.run_comparison` for ``compare``, with :mod:`~i2i.api.file_translation` for
``translate``, with :mod:`~i2i.api.installation` for ``doctor`` and ``bench``, with :mod:`~i2i.api.installed_plugins`
for ``list_plugins``, ``show_plugin`` and ``check_plugin``. ``i2i.serve`` stands on ``load``, and lives in
:mod:`i2i.serving`.

May import ``training``, ``comparing``, ``data_checks``, ``evaluation``, ``exporting``, ``translation``, ``images``,
``models``, ``config``, ``plugins``, ``benchmarking``, ``diagnosis``, ``testing``, ``environment`` and ``terminal``.
"""

from i2i.api.creation import create
from i2i.api.data_checking import check_data
from i2i.api.file_translation import translate
from i2i.api.installation import bench, doctor
from i2i.api.installed_plugins import check_plugin, list_plugins, show_plugin
from i2i.api.run_comparison import compare
from i2i.api.training import resolve, run
from i2i.api.using import convert, evaluate, export, load

__all__ = [
    "bench",
    "check_data",
    "check_plugin",
    "compare",
    "convert",
    "create",
    "doctor",
    "evaluate",
    "export",
    "list_plugins",
    "load",
    "resolve",
    "run",
    "show_plugin",
    "translate",
]
