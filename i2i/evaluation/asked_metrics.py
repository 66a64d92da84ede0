"""Which metrics an evaluation measures by, of what somebody asked for."""

from __future__ import annotations

from collections.abc import Sequence

from i2i.config.layers import Values
from i2i.config.named_choices import choose_named, unused
from i2i.config.run_config import Choice
from i2i.config.sections import METRICS
from i2i.errors import ConfigError
from i2i.evaluation.feature_networks import STANDARD
from i2i.models.scores import OTHER_SETS, STANDARD_SETS
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import MetricSpec


def ask_for(
    manager: PluginManager, names: Sequence[str], given: Values, *, features: str, trust: bool, seed: int
) -> tuple[list[Choice], list[Choice]]:
    """Find the metrics that were asked for, and those of sets that are measured where none is.

    Args:
        manager: the plugins.
        names: what was asked for.
        given: options of metrics, by name.
        features: what sets are compared under; distances are FID and KID under Inception alone.
        trust: load a file of features although that can run code of whoever wrote it.
        seed: of a metric that draws.

    Returns:
        Both.

    Raises:
        ConfigError: there is no such metric, or an option is wrong.
    """
    usual = STANDARD_SETS if features == STANDARD else OTHER_SETS
    for name, other in zip(STANDARD_SETS, OTHER_SETS, strict=True):
        if name in names and features != STANDARD:
            raise ConfigError(
                f"--metric {name} stands on {STANDARD}; under --features {features} ask for --metric {other}"
            )
    assumed = {"seed": seed, "trust": trust, **({} if features == STANDARD else {"features": features})}
    asked, problems = choose_named(manager, MetricSpec, METRICS, names, [given], assumed)
    sets, wrong = choose_named(manager, MetricSpec, METRICS, usual, [given], assumed)
    problems = [*problems, *wrong, *unused("metric", METRICS, given, [*names, *usual])]
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(map(str, problems))))
    return asked, sets
