"""Every registered component, built in or from an installed package, keeps the contract of its kind."""

import pytest

from i2i.models.scores import STANDARD_SETS
from i2i.plugins.manager import PluginManager
from i2i.testing import check_component

COMPONENTS = list(PluginManager().components())


@pytest.mark.parametrize(
    "component", COMPONENTS, ids=[f"{component.spec.kind}-{component.spec.name}" for component in COMPONENTS]
)
def test_contract(component):
    if component.spec.name in STANDARD_SETS:
        pytest.skip("needs the weights of Inception; frechet_distance and kernel_distance are the same without")
    if component.spec.name == "wandb":
        pytest.importorskip("wandb", reason="builtin/observers/test_weights_and_biases.py has a stand-in")
    if component.spec.name == "lpips":
        pytest.skip("needs weights that are a download; plugins/i2i-lpips/tests has others of their shapes")
    if component.spec.name == "mlflow":
        pytest.skip("plugins/i2i-mlflow/tests has a data base for it")
    broken = [f"{result.name}: {result.message}" for result in check_component(component) if not result.ok]

    assert broken == []


def test_no_plugin_failed_to_load():
    assert PluginManager().warnings == []
