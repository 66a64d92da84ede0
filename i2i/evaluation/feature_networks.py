"""Networks that turn images into features, for distances between sets of images.

==================  ==============================================================================================
``--features``      what it is
==================  ==============================================================================================
``inception``       Inception v3 as in the code of FID (Heusel et al., NeurIPS 2017): weights of 2015-12-05, 2,048
                    features before the last layer, images resized bilinearly to 299 x 299 as TensorFlow 1 did.
                    From torch-fidelity through torchmetrics; the weights are fetched at first use.
``thumbnail``       no network: the 192 mean colours of 8 x 8 fields. Tells colours and coarse layout apart and
                    nothing finer; for a first look without weights, not for comparing with others' numbers.
``module:function`` Python: ``function()`` gives a module or callable, found from the current folder too
``FILE``            a program of torch.export (``.pt2``) or ONNX (``.onnx``); or, for those who trust its author, a
                    TorchScript file (``.pt``, ``.ts``), which is a program that may do more than compute
==================  ==============================================================================================

Whatever it is, it maps uint8 ``[N, 3, H, W]`` to floats ``[N, D]`` and resizes as it likes.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from i2i.environment.packages import problem_of, require
from i2i.environment.quiet import quietly
from i2i.errors import CheckpointError, ConfigError, DataError, reason_of
from i2i.files.regular_files import kind_of
from i2i.paths import named
from i2i.tensors.inference import torchs_own_settings
from i2i.tensors.pixels import to_uint8
from i2i.tensors.tracing import TRACING

STANDARD = "inception"
THUMBNAIL = "thumbnail"
THUMBNAIL_SIDE = 8
FILE_SUFFIXES = (".pt", ".ts", ".pt2", ".onnx")
EXPECTED = (
    f"{STANDARD}, {THUMBNAIL}, a Python function such as my_features:make, or a file in {', '.join(FILE_SUFFIXES)}"
)


@dataclass(frozen=True)
class Features:
    """A feature network.

    Attributes:
        name: what tells it apart from others: the name, or a file with the first digits of its SHA-256.
        resize: what it does to the size of images, as far as known.
        standard: whether distances may be called FID and KID.
        network: from uint8 ``[N, 3, H, W]`` to floats ``[N, D]``.
        device: where it computes.
    """

    name: str
    resize: str
    standard: bool
    network: Callable[[Tensor], Any]
    device: torch.device
    _known: WeakTensorKeyDictionary = field(default_factory=WeakTensorKeyDictionary, repr=False, compare=False)

    def of_images(self, images: Tensor) -> Tensor:
        """The features of images ``[N, C, H, W]`` in [-1, 1]; see :meth:`of`.

        Several distances ask for the features of one batch, and get what was computed for the first.
        """
        if images not in self._known:
            self._known[images] = self.of(to_uint8(images))
        known: Tensor = self._known[images]
        return known

    @torchs_own_settings()
    def of(self, images: Tensor) -> Tensor:
        """The features of images.

        Args:
            images: uint8 ``[N, C, H, W]``; C is 1, which is repeated three times, or 3.

        Returns:
            float32 ``[N, D]`` on the CPU.

        Raises:
            DataError: images of other channels.
            ConfigError: the network fails, or gives something other than finite ``[N, D]``.
        """
        if images.shape[1] not in (1, 3):
            raise DataError(f"feature networks take images of 1 or 3 channels; got {images.shape[1]}")
        try:
            features = self.network(images.expand(-1, 3, -1, -1).contiguous().to(self.device))
        except Exception as error:  # somebody's network
            raise ConfigError(
                f"features {self.name} cannot take uint8 images of shape {list(images.shape)}: "
                f"{type(error).__name__}: {reason_of(error)}"
            ) from error
        count = len(images)
        if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != count:
            got = f"a tensor {list(features.shape)}" if isinstance(features, Tensor) else type(features).__name__
            raise ConfigError(f"features {self.name} gave {got} for {count} images; expected a tensor [{count}, D]")
        features = features.detach().float().cpu()
        if not torch.isfinite(features).all():
            raise ConfigError(f"features {self.name} gave NaN or infinity for images of shape {list(images.shape)}")
        return features


def load_features(name: str, device: torch.device, *, trust: bool = False) -> Features:
    """Load a feature network; see the table of this module.

    Args:
        name: which.
        device: where to compute.
        trust: load a file although that can run code of whoever wrote it.

    Raises:
        ConfigError: there is none of this name, it cannot be loaded, needs to be trusted, or a package is missing.
        DataError: the weights of Inception could not be fetched.
    """
    if name == STANDARD:
        return Features(
            "Inception v3 (2015-12-05, 2,048 features)",
            "bilinear to 299 x 299, as TensorFlow 1",
            True,
            _inception().to(device),
            device,
        )
    if name == THUMBNAIL:
        side = f"{THUMBNAIL_SIDE} x {THUMBNAIL_SIDE}"
        return Features(f"thumbnail (mean colours of {side} fields)", f"means to {side}", False, _thumbnail, device)
    path = named(name)
    if path.suffix in FILE_SUFFIXES:
        if kind := kind_of(path):
            raise ConfigError(f"--features {path} is {kind}; expected a file in {', '.join(FILE_SUFFIXES)}")
        digest = _digest(path)
        network = _from_file(path, device, trust)
        return Features(f"{path.name} (sha256 {digest})", "left to the file", False, network, device)
    if ":" in name:
        return Features(name, "left to the function", False, _from_function(name, device), device)
    raise ConfigError(f"--features must be {EXPECTED}; got {name!r}")


_shared: WeakValueDictionary[tuple[str, str, bool], Features] = WeakValueDictionary()


def shared_features(name: str, device: torch.device, *, trust: bool = False) -> Features:
    """:func:`load_features`, once for all that use a network at the same time."""
    key = (name, str(device), trust)
    features = _shared.get(key)
    if features is None:
        features = _shared[key] = load_features(name, device, trust=trust)
    return features


def _thumbnail(images: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(images.float() / 255, THUMBNAIL_SIDE).flatten(1)


def _inception() -> nn.Module:
    if problem := problem_of("torch_fidelity.feature_extractor_inceptionv3"):
        raise ConfigError(f"features {STANDARD}: {problem}; or choose other --features: {EXPECTED}")
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
    from torchmetrics.image.fid import NoTrainInceptionV3

    try:
        network: nn.Module = NoTrainInceptionV3(name="inception-v3-compat", features_list=["2048"], antialias=False)
    except Exception as error:  # of the network, the file system, or of half a file
        cache = Path(torch.hub.get_dir(), "checkpoints")
        raise DataError(
            f"the weights of Inception v3 could not be loaded ({type(error).__name__}: {reason_of(error)}). Without "
            f"a network, fetch {URL_INCEPTION_V3} elsewhere and put it into {cache}; or choose other --features: "
            f"{EXPECTED}"
        ) from error
    return network


def _from_function(name: str, device: torch.device) -> Callable[[Tensor], Any]:
    module_name, _, attribute = name.partition(":")
    try:
        with _current_folder_last():
            made = getattr(importlib.import_module(module_name), attribute)()
    except Exception as error:  # somebody's code
        raise ConfigError(f"--features {name} failed: {type(error).__name__}: {reason_of(error)}") from error
    if not callable(made):
        raise ConfigError(f"--features {name}() must give a module or a callable; got {type(made).__name__}")
    return made.eval().to(device) if isinstance(made, nn.Module) else made


def _from_file(path: Path, device: torch.device, trust: bool) -> Callable[[Tensor], Any]:
    from i2i.models.pt2_archive import HOW_TO_TRUST, load_program, program_on

    try:
        if path.suffix == ".onnx":
            return _from_onnx(path)
        if path.suffix == ".pt2":
            program, _ = load_program(path, trust=trust)
            with TRACING:
                return program_on(program, device).module()
        if not trust:
            raise ConfigError(
                f"--features {path} cannot be loaded: {path.suffix} files are TorchScript programs, code as well as "
                f"weights, and {HOW_TO_TRUST}"
            )
        with quietly():  # its own deprecation; published extractors still use it
            script: nn.Module = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
        return script.eval()
    except CheckpointError as error:
        raise ConfigError(f"--features cannot be loaded: {error}") from error
    except ConfigError:
        raise
    except Exception as error:  # the loaders' own classes
        raise ConfigError(f"--features {path} cannot be loaded: {type(error).__name__}: {reason_of(error)}") from error


def _from_onnx(path: Path) -> Callable[[Tensor], Tensor]:
    require(f"--features {path}", "onnxruntime")
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    images = session.get_inputs()[0].name
    return lambda batch: torch.from_numpy(session.run(None, {images: batch.cpu().numpy()})[0])


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise ConfigError(f"--features {path} cannot be read: {error.strerror}") from error


@contextmanager
def _current_folder_last() -> Iterator[None]:
    """Find modules in the current folder, too; last, so that a file there takes the place of no installed module."""
    here = str(Path.cwd())
    if here in sys.path:
        yield
        return
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)
