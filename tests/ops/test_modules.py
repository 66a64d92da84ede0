"""The modules: keys and values of the plain ones, dropout, recomputation, copies, and several processes."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils.parametrizations import spectral_norm

from i2i.ops import (
    ImageConvolution,
    InstanceNormAct,
    InstanceNormAdd,
    ResidualBlock,
    StridedConvolution,
    TransposedConvolution,
)

from ..helpers.distributed import process_group
from .blocks import images


class PlainBlock(nn.Module):
    """The block as it is written by hand."""

    def __init__(self, channels, *, affine=False, bias=True, dropout=False):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            nn.InstanceNorm2d(channels, affine=affine),
            nn.ReLU(),
            *([nn.Dropout(0.5)] if dropout else []),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            nn.InstanceNorm2d(channels, affine=affine),
        )

    def forward(self, x):
        return x + self.conv_block(x)


def randomised(module):
    for place, parameter in enumerate(module.parameters()):
        with torch.no_grad():
            parameter.copy_(images(*parameter.shape, seed=place) * 0.3)
    return module


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dropout", [False, True])
def test_checkpoints_are_exchanged_both_ways(affine, bias, dropout):
    settings = {"affine": affine, "bias": bias, "dropout": dropout}
    plain, block = randomised(PlainBlock(4, **settings)).eval(), ResidualBlock(4, **settings).eval()
    x = images(2, 4, 7, 6)
    assert list(plain.state_dict()) == list(block.state_dict())
    block.load_state_dict(plain.state_dict())
    torch.testing.assert_close(block(x), plain(x), rtol=1e-4, atol=1e-4)
    fresh = PlainBlock(4, **settings).eval()
    fresh.load_state_dict(randomised(block).state_dict())
    torch.testing.assert_close(block(x), fresh(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("module", [InstanceNormAct, InstanceNormAdd])
def test_norms_have_the_keys_of_the_plain_norm(module):
    plain = randomised(nn.InstanceNorm2d(3, affine=True))
    fused = module(3, affine=True)
    fused.load_state_dict(plain.state_dict())
    nn.InstanceNorm2d(3, affine=True).load_state_dict(fused.state_dict())
    x = images(1, 3, 5, 5)
    got = fused(x, torch.zeros_like(x)).relu() if module is InstanceNormAdd else fused(x)
    torch.testing.assert_close(got, plain(x).relu())
    assert not module(3).state_dict()


@pytest.mark.parametrize("impl", ["auto", "reference"])
@pytest.mark.parametrize("recompute", [False, True])
def test_dropout_drops_the_same_values_as_the_plain_block(impl, recompute):
    plain, block = (
        randomised(PlainBlock(4, dropout=True)),
        ResidualBlock(4, dropout=True, recompute=recompute, impl=impl),
    )
    block.load_state_dict(plain.state_dict())
    x = images(1, 4, 8, 8)

    def step(module):
        torch.manual_seed(3)
        module.zero_grad()
        out = module(x)
        out.square().sum().backward()
        return out, [parameter.grad for name, parameter in module.named_parameters() if name.endswith("weight")]

    (out, gradients), (expected, expected_gradients) = step(block), step(plain)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-4)
    for got, correct in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(got, correct, rtol=1e-3, atol=1e-3)
    assert all(not parameter.grad.any() for name, parameter in block.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize("impl", ["auto", "reference"])
def test_recomputation_gives_the_same_gradients(impl):
    block = randomised(ResidualBlock(8, affine=True, impl=impl))
    again = ResidualBlock(8, affine=True, recompute=True, impl=impl)
    again.load_state_dict(block.state_dict())
    for module in (block, again):
        module(images(2, 8, 12, 12)).square().sum().backward()
    for one, other in zip(block.parameters(), again.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("recompute", [False, True])
def test_dropout_takes_less_precision_beside_float32_weights(recompute, dtype):
    block = randomised(ResidualBlock(4, affine=True, dropout=True, recompute=recompute))
    x = images(1, 4, 8, 8, dtype=dtype).requires_grad_()
    torch.manual_seed(3)
    out = block(x)
    torch.manual_seed(3)
    exact = block(x.detach().float())
    out.float().square().sum().backward()
    assert out.dtype == x.grad.dtype == dtype
    assert all(parameter.grad.dtype == torch.float32 for parameter in block.parameters())
    torch.testing.assert_close(out.float(), exact, rtol=0.05, atol=0.05)


def test_dropout_refuses_what_evaluation_refuses():
    block = ResidualBlock(4, dropout=True).double()
    for module in (block.train(), block.eval()):
        with pytest.raises(TypeError, match=r"weight1 must have dtype torch\.float32, the .*; got torch\.float64"):
            module(images(1, 4, 8, 8))
        with pytest.raises(ValueError, match=r"weight1 must have shape \[5, 5, 3, 3\] for x with 5 channels"):
            module(images(1, 5, 8, 8, dtype=torch.float64))


@pytest.mark.parametrize(
    "module",
    [
        ResidualBlock(16, affine=True),
        ResidualBlock(16, recompute=True),
        ResidualBlock(16, dropout=True),
        ResidualBlock(16, dropout=True, recompute=True),
        InstanceNormAct(16, affine=True, pad=1),
        InstanceNormAdd(16, affine=True, pad=1),
        ImageConvolution(16, 3, 3),
        StridedConvolution(16, 4, 3, stride=2, padding=1),
        TransposedConvolution(16, 4, 3, stride=2, padding=1, output_padding=1),
    ],
    ids=lambda module: type(module).__name__,
)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_shapes_are_found_on_the_meta_device(module, memory_format):
    inputs = [images(2, 16, 8, 8).contiguous(memory_format=memory_format)] * (1 + isinstance(module, InstanceNormAdd))
    expected = module(*inputs)
    copied, known = copy.deepcopy(module).to("meta"), [x.to("meta").requires_grad_() for x in inputs]
    got = copied(*known)
    got.sum().backward()
    assert got.device.type == "meta"
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    assert all(x.grad.shape == x.shape for x in known)
    assert all(parameter.grad is not None for parameter in copied.parameters())


def test_spectral_norm_of_its_convolutions_counts():
    block = randomised(ResidualBlock(4)).eval()
    before = block(images(1, 4, 6, 6))
    plain = PlainBlock(4).eval()
    plain.load_state_dict(block.state_dict())
    for module in (block, plain):
        torch.manual_seed(0)
        spectral_norm(module.conv_block[1])
        module.eval()
    torch.testing.assert_close(block(images(1, 4, 6, 6)), plain(images(1, 4, 6, 6)), rtol=1e-3, atol=1e-3)
    assert not torch.equal(block(images(1, 4, 6, 6)), before)


def register(layer, kind, called):
    """Register a hook of one kind that notes its call."""
    register = getattr(layer, f"register_{kind}")
    return register(lambda *_: called.append(kind))


@pytest.mark.parametrize("layer", [(), (1,), (2,), (-1,)], ids=["conv_block", "convolution", "norm", "last norm"])
@pytest.mark.parametrize("kind", ["forward_hook", "forward_pre_hook", "full_backward_hook", "full_backward_pre_hook"])
def test_hooks_on_its_layers_are_called(layer, kind):
    block, called = ResidualBlock(4, affine=True), []
    hooked = block.conv_block[layer[0]] if layer else block.conv_block
    x = images(1, 4, 8, 8).requires_grad_()
    expected = block(x)

    handle = register(hooked, kind, called)
    out = block(x)
    out.square().sum().backward()

    assert called == [kind]
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-4)
    handle.remove()
    assert torch.equal(block(x), expected)


@pytest.mark.parametrize("recompute", [False, True])
def test_a_hook_sees_and_changes_what_its_layer_computes(recompute):
    plain, block = randomised(PlainBlock(4)), ResidualBlock(4, recompute=recompute)
    block.load_state_dict(plain.state_dict())
    for module in (plain, block):
        module.conv_block[2].register_forward_hook(lambda _, __, normed: normed * 2)
    x = images(1, 4, 8, 8)
    torch.testing.assert_close(block(x), plain(x), rtol=1e-4, atol=1e-4)
    assert block(x.bfloat16().float()).dtype == torch.float32


def test_hooks_that_older_tools_put_on_weights_count():
    block = randomised(ResidualBlock(4))
    before = block(images(1, 4, 6, 6))
    prune.l1_unstructured(block.conv_block[1], "weight", amount=0.5)
    assert not torch.allclose(block(images(1, 4, 6, 6)), before)


def test_a_hook_for_all_modules_is_called_for_its_layers():
    called = []
    handle = nn.modules.module.register_module_forward_hook(lambda module, *_: called.append(type(module)))
    try:
        ResidualBlock(4)(images(1, 4, 6, 6))
    finally:
        handle.remove()
    assert called.count(nn.Conv2d) == 2


def test_hooks_beside_fused_alone_are_refused():
    block = ResidualBlock(4, impl="fused")
    block.conv_block[1].register_forward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match="calls none of their hooks; remove the hooks, or take impl='auto'"):
        block(images(1, 4, 6, 6))


def test_changed_weights_count_at_once():
    """Packed filters are kept between calls, and must not outlive the weights they were made from."""
    block, x = randomised(ResidualBlock(32)), images(1, 32, 16, 16)
    with torch.no_grad():
        before = block(x)
        block.conv_block[1].weight[3, 2, 1, 0] += 1
        changed = block(x)
        reference = copy.deepcopy(block)
        reference.impl = "reference"
        assert not torch.allclose(before, changed, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(changed, reference(x), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "module",
    [
        ResidualBlock(4, affine=True, dropout=True, recompute=True, impl="reference"),
        InstanceNormAct(4, affine=True, act="leaky_relu", negative_slope=0.1, pad=2),
        InstanceNormAdd(4, eps=1e-3, pad=1),
    ],
    ids=lambda module: type(module).__name__,
)
def test_modules_are_copied_and_pickled_with_their_settings(module):
    x = (images(1, 4, 6, 6),) * (2 if isinstance(module, InstanceNormAdd) else 1)
    module = randomised(module).eval()
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(other(*x), module(*x))
        assert repr(other) == repr(module)


def test_settings_are_shown_and_checked():
    assert "act='leaky_relu', negative_slope=0.1, pad=2" in repr(
        InstanceNormAct(4, act="leaky_relu", negative_slope=0.1, pad=2)
    )
    assert "recompute=True, impl='reference'" in repr(ResidualBlock(4, recompute=True, impl="reference"))
    for make in (ResidualBlock, InstanceNormAct, InstanceNormAdd):
        with pytest.raises(ValueError, match="impl must be one of"):
            make(4, impl="cuda")
    with pytest.raises(ValueError, match="act must be one of"):
        InstanceNormAct(4, act="gelu")


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a process group without network, inside PyTorch
def test_distributed_training_misses_no_parameter(monkeypatch):
    with process_group(monkeypatch):
        network = nn.Sequential(ResidualBlock(8, affine=True), InstanceNormAct(8, affine=True))
        wrapped = nn.parallel.DistributedDataParallel(network)
        for _ in range(2):  # the second step fails when the first left a parameter without gradient
            wrapped(images(1, 8, 40, 40)).square().sum().backward()
        del wrapped
    assert all(parameter.grad is not None for parameter in network.parameters())
