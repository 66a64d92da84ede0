"""What is frozen stays to the bit, in no optimiser; a pattern that means nothing is refused."""

import re
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import i2i
from i2i.errors import ConfigError
from i2i.training.freezing import freeze

from ..helpers.running import assert_same_end, latest, run_here

pytestmark = pytest.mark.usefixtures("one_thread", "no_page")


def method():
    pair = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    return SimpleNamespace(generators={"G": pair}, discriminators={"D": nn.Linear(2, 1)}, helpers={})


def test_patterns_are_of_whole_names_with_the_networks_first():
    networks = method()
    frozen = freeze(networks, ["G.0.*", "*.bias"])
    (first, second), judge = networks.generators["G"], networks.discriminators["D"]
    assert {id(each) for each in frozen} == {id(each) for each in (first.weight, first.bias, second.bias, judge.bias)}
    assert (first.weight.requires_grad, second.weight.requires_grad) == (False, True)
    assert freeze(method(), []) == []


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("G.1.wieght", "--freeze G.1.wieght: no parameter has such a name; the nearest are G.1.weight, "),
        ("model.*", "Names begin with that of the network (G, D)"),
        ("G.*", "leaves nothing to train in the generators"),
    ],
)
def test_what_cannot_be_frozen(pattern, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        freeze(method(), [pattern])


def test_a_run_trains_all_but_what_is_frozen_and_resumes_so(images, tmp_path):
    """A discriminator that is frozen as a whole goes on judging."""
    more = {"schedule.name": "constant", "training.ema_decay": 0.5}
    given = {"more": more, "freeze": ["G_A.model.1.*", "D_A.*"]}
    straight = run_here(images, tmp_path / "straight", steps=3, **given)
    run_here(images, tmp_path / "part", steps=2, **given)
    before = latest(tmp_path / "part").training_state()["networks"]
    resumed = i2i.run(resume=tmp_path / "part", steps=3)
    assert_same_end(resumed.folder, straight.folder)
    after = latest(resumed).training_state()["networks"]
    for network in before:
        for key, value in before[network].items():
            is_frozen = network == "D_A" or (network == "G_A" and key in ("model.1.weight", "model.1.bias"))
            if is_frozen or key.endswith("weight"):  # biases before an instance norm do not move
                assert torch.equal(value, after[network][key]) is is_frozen, f"{network}.{key}"
