"""The operators under what PyTorch does to them: opcheck, compile, export, vmap, derivatives, autocast, inference."""

import warnings

import pytest
import torch
from torch.func import functional_call, grad, vmap

from i2i.ops import ResidualBlock, image_convolution, instance_norm_act, instance_norm_add, residual_block

from .blocks import filters, images

pytestmark = pytest.mark.usefixtures("native")

CHANNELS = 20  # fills no vector


WEIGHTS = filters(CHANNELS, 1), filters(CHANNELS, 2)
AFFINE = images(CHANNELS, seed=1), images(CHANNELS, seed=2)
IMAGE_WEIGHT = images(16, 3, 3, 3, seed=1) / 27**0.5


def block(x, impl="fused"):
    return residual_block(x, WEIGHTS[0], None, WEIGHTS[1], None, impl=impl)


def act(x, impl="fused"):
    return instance_norm_act(x, *AFFINE, act="leaky_relu", pad=2, impl=impl)


def add(x, impl="fused"):
    return instance_norm_add(x, x.flip(3), pad=1, impl=impl)


def convolve(x, impl="fused"):
    return image_convolution(x[:, :3] * 2, IMAGE_WEIGHT, AFFINE[0][:16], impl=impl)  # in the memory format of x


CALLS = {
    "residual_block": block,
    "instance_norm_act": act,
    "instance_norm_add": add,
    "image_convolution": convolve,
}
each = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def samples(operator, layout, affine, requires_grad):
    """Arguments of an operator and, computed from them, those of its backward."""
    x = images(2, CHANNELS, 6, 9).contiguous(memory_format=LAYOUTS[layout])
    skip = images(2, CHANNELS, 6, 9, seed=1).contiguous(memory_format=LAYOUTS[layout])
    image = images(2, 3, 6, 9).contiguous(memory_format=LAYOUTS[layout])
    norm = [images(CHANNELS, seed=seed) if affine else None for seed in (1, 2, 3, 4)]
    arguments = {
        "residual_block": (x, filters(CHANNELS, 1), filters(CHANNELS, 2), *norm, 1e-5),
        "instance_norm_act": (x, *norm[:2], 1e-5, "relu", 0.2, 2),
        "instance_norm_add": (x, skip, *norm[:2], 1e-5, 2),
        "image_convolution": (image, IMAGE_WEIGHT.clone(), images(16, seed=2) if affine else None),
    }
    arguments["residual_block_forward"] = arguments["residual_block"]
    if not operator.endswith("_backward"):
        for argument in arguments[operator]:
            if isinstance(argument, torch.Tensor):
                argument.requires_grad_(requires_grad)
        return arguments[operator]
    forward = operator.replace("_backward", "_forward" if operator.startswith("residual") else "")
    outputs = getattr(torch.ops.i2i, forward)(*arguments[forward])
    out, *kept = outputs if isinstance(outputs, tuple) else (outputs,)
    gradient = images(*out.shape, seed=7).to(out.dtype)
    return {
        "residual_block_backward": (gradient, x, *arguments["residual_block"][1:6], *kept, True),
        "instance_norm_act_backward": (gradient, x, *norm[:2], *kept, "relu", 0.2, 2),
        "instance_norm_add_backward": (gradient, x, norm[0], *kept, 2),
        "image_convolution_backward": (gradient, image, IMAGE_WEIGHT, True, True),
    }[operator]


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "operator",
    [
        "residual_block",
        "residual_block_forward",
        "residual_block_backward",
        "instance_norm_act",
        "instance_norm_act_backward",
        "instance_norm_add",
        "instance_norm_add_backward",
        "image_convolution",
        "image_convolution_backward",
    ],
)
def test_opcheck(operator, layout, affine):
    requires_grad = not operator.endswith("_backward")
    arguments = samples(operator, layout, affine, requires_grad)
    torch.library.opcheck(getattr(torch.ops.i2i, operator).default, arguments, atol=1e-5, rtol=1e-3)


@pytest.mark.slow  # together
@each
@pytest.mark.parametrize("layout", LAYOUTS)
def test_compile_without_graph_breaks_gives_the_same_values_and_gradients(call, layout):
    torch._dynamo.reset()
    compiled = torch.compile(call, fullgraph=True, backend="aot_eager")
    for size in ((6, 9), (7, 12), (11, 8)):  # from the second on with dynamic sizes
        x = images(2, CHANNELS, *size).contiguous(memory_format=LAYOUTS[layout]).requires_grad_()
        out, expected = compiled(x), call(x)
        torch.testing.assert_close(out, expected)
        assert out.stride() == expected.stride()
        weight = images(*out.shape, seed=5)
        torch.testing.assert_close(*(torch.autograd.grad((y * weight).sum(), x)[0] for y in (out, expected)))
        with torch.no_grad():
            torch.testing.assert_close(compiled(x), call(x))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch about what it does itself
def test_inductor_compiles_a_module_that_trains():
    torch._dynamo.reset()
    module = torch.nn.Sequential(ResidualBlock(CHANNELS, affine=True, impl="fused"), torch.nn.Tanh())
    compiled = torch.compile(module, fullgraph=True)

    def gradients(network):
        module.zero_grad()
        network(images(1, CHANNELS, 8, 8)).square().sum().backward()
        return [parameter.grad.clone() for parameter in module.parameters()]

    for got, expected in zip(gradients(compiled), gradients(module), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)


@each
@pytest.mark.parametrize("strict", [False, True])
def test_export_with_open_sizes_keeps_the_operator_where_it_was_asked_for(call, strict):
    class Network(torch.nn.Module):
        def __init__(self, impl):
            super().__init__()
            self.impl = impl

        def forward(self, x):
            return call(x, impl=self.impl)

    sizes = {0: torch.export.Dim("n", max=8), 2: torch.export.Dim("h", min=4), 3: torch.export.Dim("w", min=4)}
    for impl, found in (("fused", True), ("auto", False)):
        x = images(2, CHANNELS, 6, 9)
        program = torch.export.export(Network(impl), (x,), dynamic_shapes=({**sizes},), strict=strict)
        assert ("torch.ops.i2i" in program.graph_module.code) == found
        other = images(3, CHANNELS, 11, 8)
        torch.testing.assert_close(program.module()(other), call(other), rtol=1e-4, atol=1e-4)


@each
def test_vmap_over_images_folds_them_into_the_batch(call):
    x = images(3, 2, CHANNELS, 6, 9)
    torch.testing.assert_close(vmap(call)(x), torch.stack([call(sample) for sample in x]))
    torch.testing.assert_close(vmap(call, in_dims=2, out_dims=1)(x.movedim(0, 2)).movedim(1, 0), vmap(call)(x))


@each
def test_gradients_flow_through_vmap(call):
    def gradient(function):
        x = images(3, 2, CHANNELS, 6, 9).requires_grad_()
        return torch.autograd.grad(function(x).pow(3).sum(), x)[0]

    expected = gradient(lambda x: torch.stack([call(sample) for sample in x]))
    torch.testing.assert_close(gradient(vmap(call)), expected, rtol=1e-3, atol=1e-3)


@each
def test_functional_derivatives_take_the_reference_and_say_so(call):
    x, tangent = images(1, CHANNELS, 6, 6), images(1, CHANNELS, 6, 6, seed=3)

    def energy(x, impl="auto"):
        return call(x, impl=impl).pow(3).sum()

    leaf = x.clone().requires_grad_()
    energy(leaf, "reference").backward()
    torch.testing.assert_close(grad(energy)(x), leaf.grad)
    with torch.autograd.forward_ad.dual_level(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # PyTorch compiles its own formulas by torch.jit.script
        slope = torch.autograd.forward_ad.unpack_dual(energy(torch.autograd.forward_ad.make_dual(x, tangent))).tangent
    torch.testing.assert_close(slope, (leaf.grad * tangent).sum(), rtol=1e-3, atol=1e-3)
    with pytest.raises(RuntimeError, match=r"cannot run fused: torch\.func\.grad"):
        grad(lambda x: energy(x, "fused"))(x)


@each
def test_vmap_over_no_samples_is_refused(call):
    x = images(1, 3, 6, 6)
    with pytest.raises(ValueError, match=r"torch\.vmap must map at least one sample"):
        vmap(call)(torch.empty(0, 2, CHANNELS, 6, 9))
    with pytest.raises(ValueError, match=r"torch\.vmap must map at least one sample"):
        vmap(lambda weight: image_convolution(x, weight, impl="fused"))(torch.empty(0, 16, 3, 3, 3))


def test_vmap_over_weights_makes_an_ensemble():
    modules = [ResidualBlock(CHANNELS, affine=True, impl="fused") for _ in range(3)]
    stacked = {
        name: torch.stack([module.get_parameter(name).detach() for module in modules])
        for name, _ in modules[0].named_parameters()
    }
    x = images(2, CHANNELS, 6, 6)
    got = vmap(lambda parameters: functional_call(modules[0], parameters, (x,)))(stacked)
    with torch.no_grad():
        expected = torch.stack([module(x) for module in modules])
    torch.testing.assert_close(got, expected)


def test_a_gradient_for_each_sample():
    module = ResidualBlock(CHANNELS, affine=True)
    parameters = {name: parameter.detach() for name, parameter in module.named_parameters()}
    x = images(3, 1, CHANNELS, 6, 6)

    def energy(parameters, sample):
        return functional_call(module, parameters, (sample,)).pow(3).sum()

    got = vmap(grad(energy), in_dims=(None, 0))(parameters, x)
    module.impl = "reference"
    for place, sample in enumerate(x):
        module.zero_grad()
        module(sample).pow(3).sum().backward()
        for name, parameter in module.named_parameters():
            if not name.startswith("conv_block") or not name.endswith(("1.bias", "5.bias")):
                torch.testing.assert_close(got[name][place], parameter.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("parameters_differ", [False, True])
def test_native_backwards_are_mapped_sample_by_sample(parameters_differ):
    """Parameters of its own for every sample, or shared ones whose gradients are kept apart."""
    for operator in (f"{name}_backward" for name in CALLS):
        call = getattr(torch.ops.i2i, operator)
        calls = [samples(operator, layout, True, False) for layout in LAYOUTS]
        mapped = [
            0 if isinstance(argument, torch.Tensor) and (parameters_differ or argument.ndim > 2) else None
            for argument in calls[0]
        ]
        stacked = [
            torch.stack([arguments[place] for arguments in calls]) if dim == 0 else calls[0][place]
            for place, dim in enumerate(mapped)
        ]
        got = vmap(call, in_dims=tuple(mapped))(*stacked)
        for place, arguments in enumerate(calls):
            for found, expected in zip(got, call(*arguments), strict=True):
                torch.testing.assert_close(found[place], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("call", "dtype"),
    [
        *((call, torch.float32) for call in CALLS.values()),
        *((call, torch.bfloat16) for call in CALLS.values() if call is not convolve),  # whose kernels take float32
    ],
)
def test_autocast_gives_the_dtype_that_plain_pytorch_gives(call, dtype):
    x = images(1, CHANNELS, 8, 8, dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16):
        fused, reference = call(x), call(x, impl="reference")
    assert fused.dtype == reference.dtype == dtype
    torch.testing.assert_close(fused, reference, rtol=0.1, atol=0.1)


def test_training_under_autocast_gives_float32_gradients():
    module = ResidualBlock(CHANNELS, affine=True, impl="fused")
    with torch.autocast("cpu", torch.bfloat16):
        module(images(1, CHANNELS, 8, 8, dtype=torch.bfloat16)).float().pow(2).sum().backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in module.parameters())
    assert all(parameter.grad.isfinite().all() for parameter in module.parameters())


@each
def test_inference_mode_gives_the_same_bits_as_training(call):
    x = images(1, CHANNELS, 8, 8)
    with torch.inference_mode():
        inferred = call(x)
    with torch.no_grad():
        assert torch.equal(inferred, call(x))
    assert not inferred.requires_grad
    torch.testing.assert_close(inferred.clone(), call(x.requires_grad_()).detach())
