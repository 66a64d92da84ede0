"""What every optimiser must do: train what it is given, follow the schedule, resume exactly."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from i2i.plugins import OptimizerSpec, Options
from i2i.testing.results import Checklist, expect

STEPS = 4
"""Steps before the state is saved, and after."""
AIM_STEPS = 50
"""Steps in which an optimiser must come nearer to its aim."""


def optimizer_checks(checks: Checklist, spec: OptimizerSpec, options: Options) -> None:
    """Check one optimiser, on two small layers."""

    def make(network: nn.Module) -> Optimizer:
        built = spec.build(options, parameters=list(network.parameters()))
        expect(isinstance(built, Optimizer), f"build must return a torch.optim.Optimizer; got {type(built).__name__}")
        assert isinstance(built, Optimizer)
        return built

    def builds() -> None:
        make(_network())

    if not checks.run("builds an optimiser", builds):
        return
    checks.run("all parameters", lambda: _parameters_check(make))
    checks.run("step", lambda: _step_check(make))
    checks.run("aim", lambda: _aim_check(make))
    checks.run("parameters without a gradient", lambda: _no_gradient_check(make))
    checks.run("learning rate", lambda: _rate_check(make))
    checks.run("determinism", lambda: _determinism_check(make))
    checks.run("state", lambda: _plain_state_check(make))
    checks.run("state round trip", lambda: _resume_check(make))


def _parameters_check(make: Any) -> None:
    network = _network()
    held = {id(parameter) for part in make(network).param_groups for parameter in part["params"]}
    missing = [name for name, parameter in network.named_parameters() if id(parameter) not in held]
    expect(not missing, f"every parameter must be in a parameter group; {', '.join(missing)} are in none")


def _step_check(make: Any) -> None:
    network = _network()
    before = _weights(network)
    optimizer = make(network)
    _train(network, optimizer, STEPS)  # step() without a closure
    still = [name for name, weight in network.named_parameters() if torch.equal(weight, before[name])]
    expect(not still, f"step() must change every parameter that has a gradient; {', '.join(still)} stayed")
    broken = [name for name, weight in network.named_parameters() if not torch.isfinite(weight).all()]
    expect(not broken, f"after {STEPS} steps {', '.join(broken)} hold NaN or infinity")


def _aim_check(make: Any) -> None:
    network = _network()
    optimizer = make(network)
    first = _loss(network, 0).item()
    for _ in range(AIM_STEPS):
        optimizer.zero_grad(set_to_none=True)
        _loss(network, 0).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    last = _loss(network, 0).item()
    went = f"in {AIM_STEPS} steps on one batch it went from {first:.4g} to {last:.4g}"
    expect(last < first, f"the loss must fall; {went}")


def _no_gradient_check(make: Any) -> None:
    network = _network()
    optimizer = make(network)
    first, second = network[0], network[2]
    before = {name: weight.detach().clone() for name, weight in second.named_parameters()}
    for weight in first.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    moved = [name for name, weight in second.named_parameters() if not torch.equal(weight, before[name])]
    expect(not moved, f"a parameter whose grad is None must stay as it is; {', '.join(moved)} changed")


def _rate_check(make: Any) -> None:
    network = _network()
    optimizer = make(network)
    without = [number for number, part in enumerate(optimizer.param_groups) if "lr" not in part]
    expect(not without, "every parameter group needs a learning rate, lr, which the schedule scales")
    _train(network, optimizer, 1)
    for part in optimizer.param_groups:
        part["lr"] = 0.0
    before = _weights(network)
    _train(network, optimizer, 1)
    moved = [name for name, weight in network.named_parameters() if not torch.equal(weight, before[name])]
    named = ", ".join(moved)
    expect(not moved, f"step() must read lr from its parameter groups, where the schedule sets it; at 0 {named} moved")


def _determinism_check(make: Any) -> None:
    ends = []
    for seed in (0, 1):
        network = _network()
        torch.manual_seed(seed)
        _train(network, make(network), STEPS)
        ends.append(_weights(network))
    expect(_same(*ends), "the same weights and gradients gave other steps; an optimiser must draw no random numbers")


def _plain_state_check(make: Any) -> None:
    network = _network()
    optimizer = make(network)
    _train(network, optimizer, STEPS)
    _expect_plain(optimizer.state_dict(), "state_dict()")


def _resume_check(make: Any) -> None:
    network = _network()
    optimizer = make(network)
    _train(network, optimizer, STEPS)
    weights, state = _weights(network), copy.deepcopy(_stored(optimizer.state_dict()))
    _train(network, optimizer, STEPS, first=STEPS)

    again = _network()
    resumed = make(again)
    again.load_state_dict(weights)
    resumed.load_state_dict(state)
    _train(again, resumed, STEPS, first=STEPS)
    expect(
        _same(_weights(network), _weights(again)),
        "an optimiser that loads the state does not continue as the first one did; all that it remembers must be in "
        "state and param_groups, which state_dict() returns",
    )


def _network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 2, 1))


def _loss(network: nn.Module, number: int) -> Tensor:
    images = torch.rand((2, 3, 6, 6), generator=torch.Generator().manual_seed(number)) * 2 - 1
    distance: Tensor = (network(images) - images[:, :2, 1:-1, 1:-1]).square().mean()
    return distance


def _train(network: nn.Module, optimizer: Optimizer, steps: int, first: int = 0) -> None:
    for number in range(first, first + steps):
        _loss(network, number).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in network.named_parameters()}


def _same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def _expect_plain(value: Any, where: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            plain = key is None or isinstance(key, bool | int | float | str)
            expect(plain, f"{where} has the key {key!r}; expected strings and numbers")
            _expect_plain(item, f"{where}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _expect_plain(item, f"{where}[{index}]")
    else:
        plain = value is None or isinstance(value, Tensor | bool | int | float | str)
        expect(
            plain,
            f"{where} is a {type(value).__name__}; a checkpoint holds tensors, numbers, strings, None, lists and dicts",
        )


def _stored(value: Any) -> Any:
    """A state as it comes out of a checkpoint: tuples are lists there, and numbers have been through JSON."""
    if isinstance(value, Mapping):
        return {key: _stored(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_stored(item) for item in value]
    return value if isinstance(value, Tensor) else json.loads(json.dumps(value))
