"""Specs: the frozen records that a plugin's hooks return.

A spec is data. Its ``build`` is called only when a person asked for the component, so it is the place to import torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from i2i.plugins.component_options import Options
from i2i.plugins.directions import Direction as Direction  # plugins find them here, too
from i2i.plugins.directions import DirectionName as DirectionName
from i2i.plugins.directions import Domain as Domain

SAMPLE_PREFIX = "sample:"
"""What a data root begins with that names a sample inside the package and no folder: ``sample:flat-3d``."""

Pairing = Literal["unpaired", "paired", "partners"]
"""What a method needs of its data: any A with any B; true pairs; or any A with any B plus the partners that exist."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What every kind of spec has.

    Attributes:
        name: what a person types, lower case, unique within its kind.
        summary: one line for ``--help`` and ``i2i plugins list``.
        options: the option model; use :class:`~i2i.plugins.Options` itself for a component without options. No option
            may be called ``name``, which chooses the component; ``root`` is taken in a data set, ``copies`` in a
            discriminator, ``generators``, ``discriminators`` and ``helpers`` in an optimiser.
        build: makes the component; its signature is given by each kind of spec.
    """

    kind: ClassVar[str]
    reserved: ClassVar[frozenset[str]] = frozenset({"name"})
    """Names in the component's section of the configuration that are not options of its own."""

    name: str
    summary: str
    options: type[Options] = Options
    build: Callable[..., Any]

    def __post_init__(self) -> None:
        label = f"{type(self).__name__} {self.name!r}"
        if not isinstance(self.name, str) or not self.name or self.name != self.name.strip().lower():
            raise ValueError(f"{label}: name must be a lower-case string without outer spaces; got {self.name!r}")
        if not isinstance(self.summary, str) or not self.summary or "\n" in self.summary:
            raise ValueError(f"{label}: summary must be one line of text; got {self.summary!r}")
        if not (isinstance(self.options, type) and issubclass(self.options, Options)):
            raise TypeError(f"{label}: options must be a subclass of i2i.plugins.Options; got {self.options!r}")
        taken = sorted(self.reserved & self.options.model_fields.keys())
        if taken:
            raise ValueError(
                f"{label}: no option may be called {' or '.join(map(repr, taken))}, which the configuration uses for "
                f"itself in the section of a {self.kind}; rename it"
            )
        if not callable(self.build):
            raise TypeError(f"{label}: build must be callable; got {self.build!r}")


def _any_size(_: Any) -> int:
    return 1


def _no_taps(_: Any) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class GeneratorSpec(Spec):
    """A generator: ``build(options, *, in_channels, out_channels) -> torch.nn.Module``.

    The module maps ``[N, in_channels, H, W]`` in [-1, 1] to ``[N, out_channels, H, W]`` in [-1, 1].

    Attributes:
        size_multiple: given the options, the number that H and W must be multiples of (1: any size).
        smallest_size: given the options, the smallest H and W it can translate.
        taps: given the options, names of inner layers, each with its path, as in ``module.get_submodule``, from shallow
            to deep; see :mod:`i2i.plugins.features`.
    """

    kind: ClassVar[str] = "generator"
    size_multiple: Callable[[Any], int] = _any_size
    smallest_size: Callable[[Any], int] = _any_size
    taps: Callable[[Any], Mapping[str, str]] = _no_taps


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSpec(Spec):
    """A discriminator: ``build(options, *, in_channels) -> torch.nn.Module``.

    The module maps ``[N, in_channels, H, W]`` in [-1, 1] to logits ``[N, 1, h, w]`` (no sigmoid), or to a list of such
    tensors when it looks at several scales.

    Attributes:
        smallest_size: given the options, the smallest H and W it can judge.
        taps: as for a generator.
    """

    kind: ClassVar[str] = "discriminator"
    reserved: ClassVar[frozenset[str]] = frozenset({"name", "copies"})
    smallest_size: Callable[[Any], int] = _any_size
    taps: Callable[[Any], Mapping[str, str]] = _no_taps


@dataclass(frozen=True, kw_only=True)
class LossSpec(Spec):
    """A loss: ``build(options) -> object``.

    Attributes:
        family: ``"adversarial"`` builds an :class:`~i2i.plugins.protocols.AdversarialLoss` (``--loss``), ``"pixel"``
            builds a callable ``loss(image, target) -> scalar tensor`` (``--pixel-loss``).
        smallest_size: given the options, the smallest H and W of the images that it can compare; of an adversarial
            loss, that its penalty can look at.
    """

    kind: ClassVar[str] = "loss"
    family: Literal["adversarial", "pixel"]
    smallest_size: Callable[[Any], int] = _any_size

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.family not in ("adversarial", "pixel"):
            raise ValueError(f"LossSpec {self.name!r}: family must be 'adversarial' or 'pixel'; got {self.family!r}")


@dataclass(frozen=True, kw_only=True)
class BufferSpec(Spec):
    """A store of earlier fakes: ``build(options, *, generator) -> Buffer``, ``generator`` a ``torch.Generator``."""

    kind: ClassVar[str] = "buffer"


@dataclass(frozen=True, kw_only=True)
class MethodSpec(Spec):
    """A training method: ``build(options, *, parts) -> Method``, ``parts`` a :class:`~i2i.plugins.protocols.Parts`.

    Attributes:
        pairing: given the options, what the method needs of its data.
        defaults: per section of the configuration (``"generator"``, ``"loss"``, ...), the values this method starts
            from. A default for an option that the chosen component lacks is left out.
        pixel_loss: whether it compares images by the pixel loss, perhaps by its options. Choosing one for a method that
            does not is refused.
    """

    kind: ClassVar[str] = "method"
    pairing: Callable[[Any], Pairing]
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pixel_loss: bool | Callable[[Any], bool] = True


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A data set: ``build(options, *, root, split, seed) -> Dataset``; ``split`` is ``"train"`` or ``"test"``.

    Attributes:
        accepts: whether it reads what a person gave to ``--data``, a text, judged by its name and perhaps its first
            bytes, without torch; it is asked where nobody names a data set. ``None``: it does not say.
        example: ``example(options, *, folder)`` writes a small example of both splits into an empty folder, a
            ``Path``, and returns what to give to ``--data``: for the checks. ``None``: it has none.
        reads_images: whether it reads image files: ``build`` then gets ``readers`` as well, an
            :class:`~i2i.images.readers.Readers`, by which every format that is installed can be read.
    """

    kind: ClassVar[str] = "dataset"
    reserved: ClassVar[frozenset[str]] = frozenset({"name", "root"})
    accepts: Callable[[str], bool] | None = None
    example: Callable[..., str | Path] | None = None
    reads_images: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("accepts", "example"):
            if not (getattr(self, name) is None or callable(getattr(self, name))):
                raise TypeError(f"DatasetSpec {self.name!r}: {name} must be callable; got {getattr(self, name)!r}")


NETWORK_GROUPS = ("generators", "discriminators", "helpers")
"""The groups of networks, each of which has an optimiser of its own."""


@dataclass(frozen=True, kw_only=True)
class OptimizerSpec(Spec):
    """An optimiser: ``build(options, *, parameters) -> torch.optim.Optimizer``, ``parameters`` a list of them.

    It is built once for each group of networks, with the options of that group. The schedule scales the ``lr`` of its
    parameter groups. Its ``step()`` takes no closure.
    """

    kind: ClassVar[str] = "optimizer"
    reserved: ClassVar[frozenset[str]] = frozenset({"name", *NETWORK_GROUPS})


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A metric: ``build(options, *, device) -> object``.

    Images come rounded to 8 bits, as floats in [-1, 1] on ``device``; nothing needs a gradient.

    Attributes:
        family: ``"pairs"`` builds a callable ``measure(output, truth)``, from two batches ``[N, C, H, W]`` to one value
            an image, ``[N]``; ``"sets"`` builds a :class:`~i2i.plugins.protocols.SetMetric`, which compares all
            translations with all images of the target domain.
        better: ``"higher"`` or ``"lower"``.
        unit: behind each number, such as ``"dB"``; empty where it has none.
        title: what people call it, such as ``"PSNR"``; the name if empty.
        scale: of a metric without a unit, the range of its values, such as ``"0 to 255"``.
        digits: shown after the decimal point.
        unbounded: whether it may be infinite, as the PSNR of equal images is.
        smallest_size: given the options, the smallest H and W it can measure.
        learns: of a metric of sets, whether it learns from training images: then it is
            ``build(options, *, device, training, direction)``, with :class:`~i2i.plugins.protocols.TrainingImages`
            and the :class:`Direction` that is measured. It is built for each comparison: keep what was learnt.
    """

    kind: ClassVar[str] = "metric"
    family: Literal["pairs", "sets"]
    better: Literal["higher", "lower"]
    unit: str = ""
    title: str = ""
    scale: str = ""
    digits: int = 4
    unbounded: bool = False
    smallest_size: Callable[[Any], int] = _any_size
    learns: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        label = f"MetricSpec {self.name!r}"
        if self.learns and self.family != "sets":
            raise ValueError(f"{label}: only a metric of family 'sets' learns; got {self.family!r}")
        if self.family not in ("pairs", "sets"):
            raise ValueError(f"{label}: family must be 'pairs' or 'sets'; got {self.family!r}")
        if self.better not in ("higher", "lower"):
            raise ValueError(f"{label}: better must be 'higher' or 'lower'; got {self.better!r}")
        if "." in self.name or self.name in TAKEN_METRICS:
            raise ValueError(
                f"{label}: name must have no dot and be none of {', '.join(TAKEN_METRICS)}, which i2i writes itself"
            )
        if not isinstance(self.digits, int) or self.digits < 0:
            raise ValueError(f"{label}: digits must be a whole number from 0; got {self.digits!r}")


TAKEN_METRICS = ("name", "none", "auto", "images", "cycle_l1")
"""What a metric may not be called: what its section of the configuration keeps for itself, and what logs hold."""


@dataclass(frozen=True, kw_only=True)
class ObserverSpec(Spec):
    """What watches a run: ``build(options) -> RunObserver``, see :class:`~i2i.plugins.protocols.RunObserver`.

    ``build`` imports what the observer needs, so that a package that is missing is known before training; it opens
    nothing, for it is called in every process, and the events reach the main one alone.
    """

    kind: ClassVar[str] = "observer"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name in ("name", "none"):
            raise ValueError(f"ObserverSpec {self.name!r}: name must not be 'name' or 'none', which choose observers")


@dataclass(frozen=True, kw_only=True)
class AugmentationSpec(Spec):
    """What is done to images before a discriminator looks: ``build(options, *, channels) -> Augmentation``.

    It is built once for each discriminator. ``channels`` holds the number of channels of each image that the
    discriminator sees: ``(3,)``, or ``(3, 3)`` where input and output are stacked, as in pix2pix. See
    :class:`~i2i.plugins.protocols.Augmentation`.
    """

    kind: ClassVar[str] = "augmentation"


@dataclass(frozen=True, kw_only=True)
class ExporterSpec(Spec):
    """A format of exported files: ``build(options) -> Exporter``, see :class:`~i2i.plugins.protocols.Exporter`.

    Attributes:
        suffix: what its files end in, such as ``".onnx"``, by which the format of a file is known.
        beside: suffixes of further files that belong to each, of the same name otherwise, such as ``(".bin",)``.
    """

    kind: ClassVar[str] = "exporter"
    suffix: str
    beside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for suffix in (self.suffix, *self.beside):
            if not isinstance(suffix, str) or re.fullmatch(r"\.[a-z0-9]+", suffix) is None:
                raise ValueError(
                    f"ExporterSpec {self.name!r}: suffix and beside must be a dot and lower-case letters or digits, "
                    f"such as '.onnx'; got {suffix!r}"
                )
        if len({self.suffix, *self.beside}) <= len(self.beside):
            raise ValueError(f"ExporterSpec {self.name!r}: suffix and beside must all be different")


TAKEN_COMMANDS = (
    *("run", "data", "translate", "serve", "convert", "evaluate", "compare", "export", "bench", "plugins", "doctor"),
)
"""i2i's own commands, whose names a plugin's may not have."""


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Spec):
    """A command of ``i2i``: ``build(options) -> click.Command``, called when somebody calls the command.

    Its options are click's; the spec has none. ``@click.pass_obj`` hands it the
    :class:`~i2i.plugins.manager.PluginManager`, to pass on to functions of i2i.
    """

    kind: ClassVar[str] = "command"

    def __post_init__(self) -> None:
        super().__post_init__()
        label = f"CommandSpec {self.name!r}"
        if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name) is None:
            raise ValueError(f"{label}: name must be lower-case letters and digits, with single hyphens between words")
        if self.name in TAKEN_COMMANDS:
            raise ValueError(f"{label}: i2i has a command of this name; take none of {', '.join(TAKEN_COMMANDS)}")
        if self.options.model_fields:
            raise ValueError(
                f"{label}: options must have no fields, for nothing sets them; give the command options of click"
            )


def _never(_: bytes) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class ReaderSpec(Spec):
    """A format of image files: ``build(options) -> ImageReader``, see :class:`~i2i.plugins.image_formats.ImageReader`.

    ``build`` imports what the reader needs; it is called when the first file of the format is met. The name is that of
    the format, as in ``i2i translate --format``.

    Attributes:
        suffixes: of its files, in lower case with their point, such as ``(".npy",)``; files are written with the first.
        begins: whether a file is of the format, by its first 512 bytes; asked where no suffix tells, as on standard
            input. By default it never is.
    """

    kind: ClassVar[str] = "reader"
    suffixes: tuple[str, ...]
    begins: Callable[[bytes], bool] = _never

    def __post_init__(self) -> None:
        super().__post_init__()
        label = f"ReaderSpec {self.name!r}"
        suffixes = self.suffixes
        if not isinstance(suffixes, tuple) or not suffixes or not all(map(_is_suffix, suffixes)):
            raise ValueError(
                f"{label}: suffixes must be a tuple of texts in lower case that begin with a point, such as "
                f"('.npy',); got {suffixes!r}"
            )
        if not callable(self.begins):
            raise TypeError(f"{label}: begins must be callable; got {self.begins!r}")


def _is_suffix(text: Any) -> bool:
    return isinstance(text, str) and text[:1] == "." and text[1:].isalnum() and text == text.lower()


SPECS: Mapping[str, type[Spec]] = {
    spec.kind: spec
    for spec in (
        GeneratorSpec,
        DiscriminatorSpec,
        LossSpec,
        BufferSpec,
        MethodSpec,
        DatasetSpec,
        OptimizerSpec,
        MetricSpec,
        ObserverSpec,
        AugmentationSpec,
        ExporterSpec,
        CommandSpec,
        ReaderSpec,
    )
}
"""Every kind of component, in the order in which they are listed."""
