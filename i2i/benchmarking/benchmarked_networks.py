"""The networks and the training step of i2i as a user gets them: built through the plugin manager."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from i2i.benchmarking.case import Setting
from i2i.config.augmenting import Augmenting
from i2i.config.components import create
from i2i.config.layers import layer_from_settings, merge
from i2i.config.method_building import build_method, build_optimizers
from i2i.config.resolver import resolve
from i2i.ops import reason_against_fused
from i2i.plugins.manager import PluginManager
from i2i.plugins.method_members import all_networks_of
from i2i.training.update import NetworkUpdate

GENERATOR, DISCRIMINATOR = "resnet9", "patch70"

Kernels = Literal["auto", "reference"]


def make_generator(kernels: Kernels, device: torch.device) -> nn.Module:
    """Build the generator ``[N, 3, H, W]`` to ``[N, 3, H, W]``, with the same weights on every call."""
    context = {"in_channels": 3, "out_channels": 3}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = create(PluginManager(), "generator", GENERATOR, context, {"kernels": kernels})
    assert isinstance(network, nn.Module)
    return network.to(device).requires_grad_(False).eval()


def reason_against_fused_generator(setting: Setting) -> str | None:
    """Say in one line why the generator does not run on fused kernels here, or return None."""
    return reason_against_fused("residual_block", torch.empty((1, 256, 64, 64), device=setting.device))


class TrainingStep:
    """One step of a method with its own networks, optimisers and buffers; every object starts from the same weights.

    Calling it trains one step on one pair of random images, through the same
    :class:`~i2i.training.update.NetworkUpdate` as :class:`~i2i.training.trainer.Trainer`.

    Args:
        setting: where it runs.
        kernels: for all its networks.
        image_size: height and width of the images, in pixels.
        method: such as ``"cyclegan"``.
        half: compute in bfloat16 by automatic mixed precision.
    """

    def __init__(
        self, setting: Setting, kernels: Kernels, image_size: int, *, method: str = "cyclegan", half: bool = False
    ) -> None:
        manager = PluginManager()
        chosen = [f"method.name={method}", f"generator.name={GENERATOR}", f"discriminator.name={DISCRIMINATOR}"]
        chosen += [f"generator.kernels={kernels}", f"discriminator.kernels={kernels}"]
        layer = merge({"data": {"root": "none"}}, layer_from_settings(chosen))
        config, _ = resolve(manager, [layer])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            augmenting = Augmenting(manager, config.augmentations)
            built = build_method(manager, config, {"A": 3, "B": 3}, 0, setting.device, augmenting=augmenting)
        for network in all_networks_of(built).values():
            network.to(setting.device).train()
        self.update = NetworkUpdate(
            built,
            build_optimizers(manager, config.optimizer, built),
            setting.device,
            torch.Generator().manual_seed(0),
            precision="bf16" if half else "fp32",
            augmenting=augmenting,
        )
        images = torch.rand((2, 1, 3, image_size, image_size), generator=torch.Generator().manual_seed(0)) * 2 - 1
        self.batch: Mapping[str, Any] = {"A": images[0].to(setting.device), "B": images[1].to(setting.device)}

    def __call__(self) -> dict[str, Tensor]:
        """Train one step and return the terms of the loss."""
        return self.update.train([self.batch])

    def recorded(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Train one step; return the terms and, for each group of networks, all gradients as one vector."""
        gradients: dict[str, Tensor] = {}

        def record(group: str, optimizer: Optimizer, *_: object) -> None:
            parameters = optimizer.param_groups[0]["params"]
            gradients[group] = torch.cat([each.grad.flatten() for each in parameters if each.grad is not None])

        hooks = [
            optimizer.register_step_pre_hook(partial(record, group))
            for group, optimizer in self.update.optimizers.items()
        ]
        try:
            return self(), gradients
        finally:
            for hook in hooks:
                hook.remove()
