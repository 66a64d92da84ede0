"""The weights of the networks, downloaded or from a file, and those of the heads, which come with this package."""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib import resources
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file
from torch import Tensor
from torch.hub import load_state_dict_from_url

from i2i.errors import ConfigError
from i2i_lpips.backbones import Backbone, make_backbone

URL = "https://download.pytorch.org/models/"
FILES = {"alex": "alexnet-owt-7be5be79.pth", "vgg": "vgg16-397923af.pth"}
"""torchvision's, whose SHA-256 begins with the letters at the end of the name."""


def load_network(network: str, file: str | None, *, other: bool = False) -> tuple[Backbone, list[Tensor]]:
    """The network with its weights, and the heads: a weight for each channel of each layer, ``[C]``.

    Args:
        network: ``"alex"`` or ``"vgg"``.
        file: of weights, as torchvision keeps them, ``.pth`` or ``.safetensors``; downloaded if not given.
        other: take weights that are not torchvision's.

    Raises:
        ConfigError: the weights cannot be had, or are others.
    """
    backbone = make_backbone(network)
    state = _downloaded(network) if file is None else _read(network, Path(file), other=other)
    kept = {name: value for name, value in state.items() if name.startswith("features.")}  # no classifier
    try:
        backbone.load_state_dict(kept)
    except (RuntimeError, TypeError) as error:
        raise ConfigError(
            f"metrics.lpips.weights must hold the weights of network {network} by torchvision's names and shapes "
            f"({FILES[network]}); got {file}: {str(error).splitlines()[-1].strip()}"
        ) from error
    heads = load((resources.files("i2i_lpips") / "heads" / f"{network}.safetensors").read_bytes())
    return backbone, [heads[f"layer{number}"] for number in range(len(backbone.taps))]


def _downloaded(network: str) -> Mapping[str, Tensor]:
    url = URL + FILES[network]
    try:
        with redirect_stdout(sys.stderr):  # it says what it downloads, and standard output is for --json
            return load_state_dict_from_url(
                url, map_location="cpu", check_hash=True, weights_only=True, progress=sys.stderr.isatty()
            )
    except (OSError, RuntimeError) as error:  # RuntimeError: what came is not that file
        raise ConfigError(
            f"metric lpips needs weights of network {network}, and {url} could not be downloaded: {error}; fetch the "
            "file some other way and name it: --set metrics.lpips.weights=FILE"
        ) from error


def _read(network: str, file: Path, *, other: bool) -> Mapping[str, Tensor]:
    try:
        digest = _digest(file)
    except OSError as error:
        raise ConfigError(f"metrics.lpips.weights: {file} cannot be read: {error.strerror}") from error
    expected = FILES[network].rpartition("-")[2].partition(".")[0]
    if not digest.startswith(expected) and not other:
        raise ConfigError(
            f"metrics.lpips.weights must be {FILES[network]} of torchvision, whose SHA-256 begins with {expected}; "
            f"that of {file} begins with {digest[:8]}. Other weights give values that compare with no others; take "
            "them all the same with --set metrics.lpips.other_weights=true"
        )
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        found = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, ValueError) as error:
        raise ConfigError(f"metrics.lpips.weights: {file} is not a file of weights: {error}") from error
    if not isinstance(found, Mapping):
        raise ConfigError(f"metrics.lpips.weights: {file} must hold weights by name; got a {type(found).__name__}")
    return found


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
