"""i2i: image-to-image translation with CycleGAN and pix2pix, made of plugins.

This package imports no torch until a function that needs it is called, so ``import i2i`` and ``i2i --help`` stay quick:
every name below is looked up in its room when it is asked for first. Every command is a function here.

May import ``api``, ``comparing``, ``serving``, ``translation``, ``training``, ``evaluation``, ``exporting``,
``benchmarking``, ``testing``, ``data_checks``, ``diagnosis``, ``models``, ``config`` and ``plugins``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from i2i._version import __version__
from i2i.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DivergedError,
    ExportError,
    I2IError,
    NativeError,
    PluginError,
    RunFolderError,
)

if TYPE_CHECKING:
    from i2i.api import (
        bench,
        check_data,
        check_plugin,
        compare,
        convert,
        create,
        doctor,
        evaluate,
        export,
        list_plugins,
        load,
        resolve,
        run,
        show_plugin,
        translate,
    )
    from i2i.api.installed_plugins import CheckedPlugin, DescribedComponent, InstalledPlugins
    from i2i.benchmarking.report import BenchReport
    from i2i.comparing.side_by_side import Comparison
    from i2i.config.run_config import RunConfig
    from i2i.data_checks.data_report import DataReport
    from i2i.diagnosis import Diagnosis
    from i2i.evaluation.measurement import Evaluation
    from i2i.exporting.exporter import ExportReport
    from i2i.models.info import TranslatorInfo
    from i2i.plugins.directions import Direction
    from i2i.plugins.manager import Component, Plugin, PluginManager
    from i2i.serving import ModelInfo, serve
    from i2i.testing import CheckResult
    from i2i.training.records.run_result import RunResult
    from i2i.translation.observer import TranslationObserver
    from i2i.translation.plan import FileOutcome
    from i2i.translation.translator import Translator

_HOMES = {
    "i2i.api": "bench check_data check_plugin compare convert create doctor evaluate export list_plugins load resolve "
    "run show_plugin translate",
    "i2i.api.installed_plugins": "CheckedPlugin DescribedComponent InstalledPlugins",
    "i2i.benchmarking.report": "BenchReport",
    "i2i.comparing.side_by_side": "Comparison",
    "i2i.config.run_config": "RunConfig",
    "i2i.data_checks.data_report": "DataReport",
    "i2i.diagnosis": "Diagnosis",
    "i2i.evaluation.measurement": "Evaluation",
    "i2i.exporting.exporter": "ExportReport",
    "i2i.models.info": "TranslatorInfo",
    "i2i.plugins.directions": "Direction",
    "i2i.plugins.manager": "Component Plugin PluginManager",
    "i2i.serving": "ModelInfo serve",
    "i2i.testing": "CheckResult",
    "i2i.training.records.run_result": "RunResult",
    "i2i.translation.observer": "TranslationObserver",
    "i2i.translation.plan": "FileOutcome",
    "i2i.translation.translator": "Translator",
}
"""Where each name is from that is imported late; the imports above say the same to type checkers."""

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "BenchReport",
    "CheckResult",
    "CheckedPlugin",
    "CheckpointError",
    "Comparison",
    "Component",
    "ConfigError",
    "DataError",
    "DataReport",
    "DescribedComponent",
    "Diagnosis",
    "Direction",
    "DivergedError",
    "Evaluation",
    "ExportError",
    "ExportReport",
    "FileOutcome",
    "I2IError",
    "InstalledPlugins",
    "ModelInfo",
    "NativeError",
    "Plugin",
    "PluginError",
    "PluginManager",
    "RunConfig",
    "RunFolderError",
    "RunResult",
    "TranslationObserver",
    "Translator",
    "TranslatorInfo",
    "__version__",
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
    "serve",
    "show_plugin",
    "translate",
]

if not TYPE_CHECKING:  # to a type checker, what is not imported above does not exist

    def __getattr__(name: str) -> Any:
        """Import what is asked for when it is asked for first."""
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
