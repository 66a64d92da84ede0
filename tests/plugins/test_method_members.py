"""A method with networks of the usual groups and no state is as good as one that has more."""

from types import SimpleNamespace

import pytest
from torch import nn

from i2i.plugins.method_members import all_networks_of, keeps_state, networks_of, restore_state, state_of

LINE = nn.Linear(1, 1)


def method(**more):
    return SimpleNamespace(generators={"G": LINE}, discriminators={"D": LINE}, **more)


class Remembering:
    """A method that counts."""

    count = 3

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


def test_helpers_are_a_group_where_there_are_any():
    assert list(all_networks_of(method(helpers={"F": LINE}))) == ["G", "D", "F"]
    assert list(all_networks_of(method())) == ["G", "D"]
    assert networks_of(method(), "helpers") == {}
    with pytest.raises(AttributeError, match="generators"):
        networks_of(SimpleNamespace(), "generators")


def test_a_state_comes_back():
    resumed = Remembering()
    resumed.count = 0
    restore_state(resumed, state_of(Remembering()))

    assert resumed.count == 3


def test_a_method_without_a_state_has_none():
    assert state_of(method()) is None
    restore_state(method(), None)


def test_what_a_module_inherits_is_no_state_of_the_method():
    class AsModule(nn.Module):
        """Its state dict holds networks, which are saved as such."""

    class WithItsOwn(Remembering, nn.Module):
        """Its state dict is its own."""

    assert not keeps_state(AsModule())
    assert state_of(AsModule()) is None
    assert keeps_state(WithItsOwn())


def test_a_state_and_a_method_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="lacks its own state"):
        restore_state(Remembering(), None)
    with pytest.raises(ValueError, match="has no state of its own any more"):
        restore_state(method(), {"count": 1})
