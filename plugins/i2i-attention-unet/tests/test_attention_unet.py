"""The contract of every generator, and what makes this one an attention U-Net."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from i2i_attention_unet.network import AttentionGate, AttentionUNet
from i2i_attention_unet.plugin import AttentionUNetOptions, i2i_generators
from torch import nn

from i2i.plugins import GeneratorSpec
from i2i.plugins.manager import PluginManager
from i2i.testing import check_generator

(SPEC,) = i2i_generators()
SMALL = {"base_channels": 4, "downs": 3}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"norm": "batch"},
        {"norm": "none", "dropout": True},
        {"upsample": "resize"},
        {"gate_first_skip": False},
        {"downs": 2},
    ],
    ids=str,
)
def test_it_keeps_the_contract_of_a_generator(options: dict[str, object]) -> None:
    check_generator(SPEC, {**SMALL, **options})


def test_the_installed_package_registers_it() -> None:
    component = PluginManager(environ={}).find("generator", "attention-unet")
    assert component.plugin.package == "i2i-attention-unet"
    assert isinstance(component.spec, GeneratorSpec)


def test_the_plugin_module_imports_no_torch() -> None:
    program = "import sys, i2i_attention_unet.plugin; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def make(**options: object) -> AttentionUNet:
    torch.manual_seed(0)
    chosen = AttentionUNetOptions.model_validate({**SMALL, **options})
    network = SPEC.build(chosen, in_channels=3, out_channels=3)
    assert isinstance(network, AttentionUNet)
    return network.eval()


def test_each_skip_has_a_gate_whose_map_lies_between_zero_and_one() -> None:
    maps = make().attention_maps(torch.rand(2, 3, 32, 48) * 2 - 1)
    assert [tuple(found.shape) for found in maps] == [(2, 1, 8, 12), (2, 1, 16, 24)]
    for found in maps:
        assert 0 < found.min() < found.max() < 1  # it differs from pixel to pixel


def test_the_paper_leaves_the_first_skip_ungated() -> None:
    assert len(make(gate_first_skip=False).attention_maps(torch.zeros(1, 3, 16, 16))) == 1


def set_all_gates(network: AttentionUNet, score: float) -> None:
    for gate in network.gates:
        assert isinstance(gate, AttentionGate)
        nn.init.zeros_(gate.score.weight)
        nn.init.constant_(gate.score.bias, score)


def record_decoder_inputs(network: AttentionUNet, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return the encoder's levels and what the output layer reads: the first skip beside what came up to it."""
    levels: list[torch.Tensor] = []
    read: list[torch.Tensor] = []
    hooks = [down.register_forward_hook(lambda *call: levels.append(call[2])) for down in network.encoder]
    hooks.append(network.output.register_forward_hook(lambda *call: read.append(call[1][0])))
    network(images)
    for hook in hooks:
        hook.remove()
    return levels, read[0]


@pytest.mark.parametrize(("score", "share"), [(-1e4, 0.0), (0.0, 0.5), (1e4, 1.0)])
def test_the_skip_reaches_the_decoder_times_its_attention(score: float, share: float) -> None:
    network = make()
    set_all_gates(network, score)
    with torch.no_grad():
        levels, read = record_decoder_inputs(network, torch.rand(1, 3, 16, 16))
    torch.testing.assert_close(read[:, :4], share * levels[0])


def test_closed_gates_leave_the_bottleneck_as_the_only_way() -> None:
    """Two images with the same bottleneck then give the same output, which open gates would tell apart."""
    network = make(norm="none")
    images = torch.rand(2, 3, 16, 16)

    def same_bottleneck(*call: object) -> torch.Tensor:
        return torch.ones(2, 16, 2, 2)

    network.encoder[-1].register_forward_hook(same_bottleneck)
    with torch.no_grad():
        set_all_gates(network, -1e4)
        first, second = network(images)
        assert torch.equal(first, second)
        set_all_gates(network, 1e4)
        first, second = network(images)
        assert not torch.equal(first, second)


def test_the_gate_is_the_formula_of_the_paper() -> None:
    torch.manual_seed(0)
    gate = AttentionGate(skip_channels=2, gate_channels=3)
    skip, signal = torch.rand(1, 2, 2, 2), torch.rand(1, 3, 1, 1)
    with torch.no_grad():
        found = gate(skip, signal)
        x = (gate.skip_projection.weight * skip).sum(dim=(1, 2, 3))
        g = gate.gate_projection.weight[:, :, 0, 0] @ signal[0, :, 0, 0] + gate.gate_projection.bias
        hidden = torch.relu(x + g)
        expected = torch.sigmoid(gate.score.weight[0, :, 0, 0] @ hidden + gate.score.bias)
    torch.testing.assert_close(found, expected.reshape(1, 1, 1, 1).expand(1, 1, 2, 2))


def test_the_gates_are_trained() -> None:
    network = make().train()
    network(torch.rand(1, 3, 16, 16)).square().mean().backward()
    for name, weight in network.gates.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_weights_are_drawn_with_a_deviation_of_two_hundredths() -> None:
    weight = make(base_channels=32).encoder[2][0].weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert abs(weight.mean().item()) < 1e-3


def test_a_batch_norm_scale_is_drawn_around_one() -> None:
    scales = [m.weight for m in make(norm="batch").modules() if isinstance(m, nn.BatchNorm2d)]
    assert scales
    assert all(0.8 < scale.min() <= scale.max() < 1.2 for scale in scales)


def test_channels_double_up_to_eight_times_the_base() -> None:
    network = make(base_channels=2, downs=6)
    assert [down[0].out_channels for down in network.encoder] == [2, 4, 8, 16, 16, 16]


def test_dropout_sits_in_the_three_coarsest_decoder_levels() -> None:
    network = make(downs=6, dropout=True)
    assert [any(isinstance(m, nn.Dropout) for m in up) for up in network.decoder] == [True, True, True, False, False]


def test_an_image_of_the_wrong_size_is_refused_with_the_size_that_fits() -> None:
    with pytest.raises(ValueError, match=r"must be multiples of 8.*got 20 x 16"):
        make()(torch.zeros(1, 3, 20, 16))


def test_the_size_multiple_follows_the_number_of_downs() -> None:
    assert SPEC.size_multiple(AttentionUNetOptions(downs=6)) == 64
