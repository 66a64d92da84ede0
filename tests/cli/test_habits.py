"""Each name that people are used to leads to something that there is."""

from __future__ import annotations

from i2i.cli import habits
from i2i.cli.run_command import run
from i2i.config.sections import COMPONENTS, PLAIN
from i2i.plugins.manager import PluginManager


def test_every_habit_leads_to_something_that_there_is():
    known = {name for parameter in run.params for name in parameter.opts}
    fields = {f"{section}.{field}" for section, model in PLAIN.items() for field in model.model_fields}
    kinds = {section: spec.kind for section, spec in COMPONENTS.items()}
    for component in PluginManager({}).components():
        sections = [section for section, kind in kinds.items() if kind == component.spec.kind]
        fields |= {f"{section}.{field}" for section in sections for field in component.spec.options.model_fields}

    for habit, meant in habits.RUN_HABITS.items():
        assert f"--{habit}" not in known
        for part in meant.split(", "):
            first, *rest = part.split()
            assert first in known or not first.startswith("--"), f"{habit}: {part}"
            if first == "--set":
                assert rest[0].split("=")[0] in fields, f"{habit}: {part}"
