"""The metrics that every run measures, and those of a plugin, ready to measure on the CPU."""

import torch

from i2i.config.run_config import Choice
from i2i.evaluation.chosen_metrics import build_metrics, usual_metrics
from i2i.evaluation.pairs import PairMetrics
from i2i.plugins.manager import Component, Plugin, PluginManager
from i2i.plugins.specs import MetricSpec

CPU = torch.device("cpu")
MANAGER = PluginManager({})


def usual():
    """L1, PSNR and SSIM."""
    return usual_metrics(MANAGER, CPU)


def pair_metrics(baselines=None):
    """What gathers L1, PSNR and SSIM of pairs."""
    return PairMetrics(usual(), baselines)


def chosen(name, *, asked=True, **options):
    """A metric that comes with i2i."""
    spec = MANAGER.spec(MetricSpec, name)
    return build_metrics(MANAGER, [Choice(name, spec.options(**options))], CPU, asked=asked)[0]


def plugins_with(*specs):
    """The plugins that are installed, and metrics of a package ``i2i-oak`` 1.2."""
    manager, plugin = PluginManager({}), Plugin("oak", "i2i-oak", "1.2", "i2i_oak", "loaded")
    for spec in specs:
        manager._components[spec.kind, spec.name].append(Component(spec, plugin))
    return manager


def ready(*specs, asked=True):
    """Metrics of a package ``i2i-oak``, with their defaults."""
    choices = [Choice(spec.name, spec.options()) for spec in specs]
    return build_metrics(plugins_with(*specs), choices, CPU, asked=asked)
