"""The contract of every pixel loss, and what makes these two Charbonnier's and MPRNet's."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from i2i_charbonnier_loss.losses import CharbonnierLoss, EdgeLoss, laplacian_of_gaussian
from i2i_charbonnier_loss.plugin import i2i_losses
from torch import Tensor
from torch.nn import functional as F

import i2i
from i2i.plugins.manager import PluginManager
from i2i.testing import check_loss

SPECS = {spec.name: spec for spec in i2i_losses()}
LOSSES = [CharbonnierLoss(), EdgeLoss(), EdgeLoss(epsilon=1e-6, edge_weight=10.0)]
IDS = ["charbonnier", "edge", "edge-sharp"]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=IDS)
every_channels = pytest.mark.parametrize("channels", [1, 3])


def two_images(channels: int = 3, size: tuple[int, int] = (9, 12), dtype: torch.dtype = torch.float64) -> list[Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.rand(2, channels, *size, generator=random, dtype=dtype) * 2 - 1 for _ in range(2)]


def edges_by_convolution(images: Tensor) -> Tensor:
    """The documented edge map, as two ordinary convolutions with repeated borders."""
    binomial = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=images.dtype) / 16
    gaussian = torch.outer(binomial, binomial)
    laplacian = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]], dtype=images.dtype)
    flat = images.flatten(0, 1).unsqueeze(1)
    for kernel in (gaussian, laplacian):
        flat = F.conv2d(F.pad(flat, [len(kernel) // 2] * 4, mode="replicate"), kernel[None, None])
    return flat.reshape(images.shape)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("charbonnier", {}),
        ("charbonnier", {"epsilon": 1e-6}),
        ("charbonnier", {"epsilon": 2}),
        ("edge", {}),
        ("edge", {"epsilon": 1e-6, "edge_weight": 100}),
        ("edge", {"epsilon": 2, "edge_weight": 100}),
        ("edge", {"edge_weight": 0}),
    ],
)
def test_they_keep_the_contract_of_a_loss(name: str, options: dict[str, Any]) -> None:
    check_loss(SPECS[name], options)


@pytest.mark.parametrize("name", ["charbonnier", "edge"])
def test_the_installed_package_registers_them(name: str) -> None:
    assert PluginManager(environ={}).find("loss", name).plugin.package == "i2i-charbonnier-loss"


def test_options_reach_the_losses() -> None:
    assert vars(i2i.create("loss", "charbonnier", epsilon=0.5)) == {"epsilon": 0.5}
    assert vars(i2i.create("loss", "edge", epsilon=0.5, edge_weight=2)) == {"epsilon": 0.5, "edge_weight": 2}


def test_the_defaults_are_the_papers() -> None:
    assert vars(i2i.create("loss", "edge")) == vars(EdgeLoss()) == {"epsilon": 1e-3, "edge_weight": 0.05}
    assert vars(i2i.create("loss", "charbonnier")) == vars(CharbonnierLoss()) == {"epsilon": 1e-3}


@every_channels
@pytest.mark.parametrize("epsilon", [1e-6, 1e-3, 0.3])
def test_charbonnier_is_the_formula_less_epsilon(channels: int, epsilon: float) -> None:
    image, target = two_images(channels)
    formula = ((image - target) ** 2 + epsilon**2).sqrt().mean() - epsilon
    torch.testing.assert_close(CharbonnierLoss(epsilon)(image, target), formula)


@every_channels
@pytest.mark.parametrize("weight", [0.0, 0.05, 3.0])
def test_edge_is_the_formula_less_both_epsilons(channels: int, weight: float) -> None:
    image, target = two_images(channels)
    pixels = ((image - target) ** 2 + 1e-6).sqrt().mean() - 1e-3
    edges = ((edges_by_convolution(image) - edges_by_convolution(target)) ** 2 + 1e-6).sqrt().mean() - 1e-3
    torch.testing.assert_close(EdgeLoss(edge_weight=weight)(image, target), pixels + weight * edges)


@every_channels
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 3), (9, 12)])
def test_the_edge_map_is_a_gaussian_and_then_a_laplacian(channels: int, size: tuple[int, int]) -> None:
    image, _ = two_images(channels, size)
    torch.testing.assert_close(laplacian_of_gaussian(image), edges_by_convolution(image))


def test_the_edge_map_of_flat_parts_and_slopes_is_zero() -> None:
    flat = torch.full((1, 1, 8, 8), 0.7, dtype=torch.float64)
    slope = torch.linspace(-1, 1, 16, dtype=torch.float64).expand(1, 1, 16, 16)
    assert laplacian_of_gaussian(flat).abs().max() < 1e-12
    assert laplacian_of_gaussian(slope)[..., 3:-3].abs().max() < 1e-12


def test_the_edge_map_of_a_step_is_as_documented() -> None:
    step = torch.cat([-torch.ones(1, 1, 4, 8), torch.ones(1, 1, 4, 8)], dim=3)
    row = laplacian_of_gaussian(step)[0, 0, 0]
    assert (row.max().item(), row.min().item()) == (0.375, -0.375)
    assert int(row.argmax()) < 8 <= int(row.argmin())


def test_edge_judges_a_blurred_edge_harsher_than_a_shift_in_tone_of_the_same_error() -> None:
    target = torch.cat([-torch.ones(1, 1, 8, 8), torch.ones(1, 1, 8, 8)], dim=3) * 0.5
    blurred = F.avg_pool2d(F.pad(target, [2] * 4, mode="replicate"), 5, stride=1)
    shifted = target + (blurred - target).abs().mean()
    torch.testing.assert_close(
        CharbonnierLoss()(blurred, target), CharbonnierLoss()(shifted, target), rtol=0.02, atol=0
    )
    loss = EdgeLoss(edge_weight=1.0)
    assert loss(blurred, target) > 1.2 * loss(shifted, target)


@every_loss
@every_channels
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_equal_images_give_zero_and_a_gradient_of_zero(loss: EdgeLoss, channels: int, dtype: torch.dtype) -> None:
    image = two_images(channels)[0].to(dtype).requires_grad_()
    value = loss(image, image.detach().clone())
    value.backward()
    assert value.item() == 0
    assert torch.equal(image.grad, torch.zeros_like(image))


@pytest.mark.parametrize("loss", [CharbonnierLoss(0.1), EdgeLoss(0.1, 2.0)], ids=["charbonnier", "edge"])
@every_channels
def test_first_and_second_order_gradients_agree_with_differences(loss: EdgeLoss, channels: int) -> None:
    image, target = two_images(channels, (3, 4))
    image.requires_grad_()
    assert torch.autograd.gradcheck(loss, (image, target))
    assert torch.autograd.gradgradcheck(loss, (image, target))


@every_loss
def test_the_second_order_gradient_is_finite_between_equal_images(loss: EdgeLoss) -> None:
    image = two_images(1, dtype=torch.float32)[0].requires_grad_()
    (gradient,) = torch.autograd.grad(loss(image, image.detach().clone()), image, create_graph=True)
    (second,) = torch.autograd.grad(gradient.sum(), image)
    assert second.isfinite().all()


def test_the_second_order_gradient_at_zero_is_one_over_epsilon() -> None:
    image = torch.zeros(1, 1, 1, 1, dtype=torch.float64, requires_grad=True)
    loss = CharbonnierLoss(1e-3)
    (gradient,) = torch.autograd.grad(loss(image, torch.zeros_like(image)), image, create_graph=True)
    (second,) = torch.autograd.grad(gradient, image)
    assert second.item() == pytest.approx(1000)


@every_loss
@pytest.mark.parametrize("factor", [1e-2, 0.5, 10.0])
def test_images_and_epsilon_scaled_together_scale_the_loss(loss: EdgeLoss, factor: float) -> None:
    image, target = two_images()
    scaled = type(loss)(**{**vars(loss), "epsilon": loss.epsilon * factor})
    torch.testing.assert_close(scaled(image * factor, target * factor), loss(image, target) * factor)


@every_loss
def test_the_number_of_elements_changes_nothing(loss: EdgeLoss) -> None:
    image, target = two_images()
    doubled = [torch.cat([images, images]) for images in (image, target)]
    torch.testing.assert_close(loss(*doubled), loss(image, target))


@every_loss
def test_grey_images_and_their_three_equal_channels_give_the_same(loss: EdgeLoss) -> None:
    image, target = two_images(1)
    torch.testing.assert_close(loss(image.expand(-1, 3, -1, -1), target.expand(-1, 3, -1, -1)), loss(image, target))


@every_loss
def test_it_is_symmetric(loss: EdgeLoss) -> None:
    image, target = two_images()
    torch.testing.assert_close(loss(image, target), loss(target, image))


def test_charbonnier_is_l1_for_large_errors_and_squared_for_small_ones() -> None:
    zeros = torch.zeros(1, 1, 2, 2, dtype=torch.float64)
    assert CharbonnierLoss(1e-3)(zeros + 1, zeros).item() == pytest.approx(1 - 1e-3, rel=1e-5)
    assert CharbonnierLoss(1e-3)(zeros + 1e-6, zeros).item() == pytest.approx(1e-6**2 / 2e-3, rel=1e-5)


def test_small_errors_survive_in_single_precision() -> None:
    zeros = torch.zeros(1, 1, 2, 2)
    exact = 1e-12 / (math.sqrt(1e-12 + 1e-6) + 1e-3)  # the plain formula gives 0 in float32
    assert CharbonnierLoss(1e-3)(zeros + 1e-6, zeros).item() == pytest.approx(exact, rel=1e-5)


@every_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_half_precision_is_that_of_the_images_alone(loss: EdgeLoss, dtype: torch.dtype, scale: float) -> None:
    image, target = (images.mul(scale).to(dtype) for images in two_images())
    value = loss(image, target)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), loss(image.double(), target.double()), rtol=1e-5, atol=0)


@every_loss
def test_autocast_changes_nothing(loss: EdgeLoss) -> None:
    image, target = two_images(dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(image, target)
    assert torch.equal(value, loss(image, target))


@every_loss
def test_a_mixed_pair_is_judged_in_the_higher_precision(loss: EdgeLoss) -> None:
    image, target = two_images()
    assert loss(image.bfloat16(), target.float()).dtype == torch.float32
    assert loss(image.float(), target).dtype == torch.float64


@every_loss
def test_different_shapes_are_refused(loss: EdgeLoss) -> None:
    with pytest.raises(ValueError, match=r"\[1, 3, 4, 4\] and \[1, 1, 4, 4\]"):
        loss(torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4))
