"""Protocols: what training asks of the objects that specs build. Nothing else about them is assumed.

Images are float tensors ``[N, C, H, W]`` in [-1, 1]; losses are scalar tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@runtime_checkable
class AdversarialLoss(Protocol):
    """The two sides of the game, on logits of any shape."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the discriminator minimises, as the method uses it: nothing is halved or weighted later.

        The built-in ``gan`` and ``lsgan`` take half the sum over real and fake, as CycleGAN and pix2pix do; ``hinge``
        and ``wgan-gp`` take all of it, as their papers do.
        """
        ...

    def generator(self, fake: Tensor) -> Tensor:
        """What the generator minimises."""
        ...


@runtime_checkable
class PenalisedLoss(AdversarialLoss, Protocol):
    """An adversarial loss that also penalises the discriminator's gradient with respect to its input.

    One that does not mix real and fake images, so that these may differ in size, says so by ``mixes_images = False``.
    """

    def penalty(
        self,
        discriminator: Callable[[Tensor], Tensor | Sequence[Tensor]],
        real: Tensor,
        fake: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Return the weighted penalty, differentiable with respect to the discriminator's weights.

        Args:
            discriminator: from images to logits.
            real: ``[N, C, H, W]``.
            fake: ``[N, C, H, W]``, detached.
            generator: random numbers for the interpolation, on the CPU.
        """
        ...


@runtime_checkable
class SteppedLoss(AdversarialLoss, Protocol):
    """An adversarial loss that is not the same in every step, such as one whose penalty comes every few steps."""

    def begin_step(self, step: int) -> None:
        """Take the number of the step that begins: 0 in a run's first, and the same again where a run resumes."""
        ...


class PixelLoss(Protocol):
    """A distance between an image and its target."""

    def __call__(self, image: Tensor, target: Tensor) -> Tensor:
        """The distance of two batches ``[N, C, H, W]``, a scalar."""
        ...


class Buffer(Protocol):
    """A store of earlier fakes."""

    def exchange(self, images: Tensor) -> Tensor:
        """Take new fakes ``[N, C, H, W]`` and return as many to show to the discriminator, detached."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that an exact resume needs: nested dicts and lists of tensors, numbers, strings and None."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        ...


class Augmentation(Protocol):
    """What is done to images before a discriminator looks at them: real ones and fakes alike, whichever network learns.

    Each image, and each call, gets a change of its own. Where a discriminator sees several images stacked in the
    channels, an input and its output, those of one item are moved, turned, cut and erased in the same way, and each is
    coloured on its own: ``images.split(channels, dim=1)``, with the ``channels`` that ``build`` was given, takes them
    apart.
    """

    def __call__(self, images: Tensor, random: torch.Generator) -> Tensor:
        """Return the images, changed at random, of the same shape and dtype; values may leave [-1, 1].

        Args:
            images: ``[N, C, H, W]`` in [-1, 1] on any device, ``C`` the sum of ``channels``; not changed in place.
                Gradients flow through, as fakes need it.
            random: on the CPU; every random number comes from it, so that a run resumes exactly.
        """
        ...


@runtime_checkable
class AdaptiveAugmentation(Augmentation, Protocol):
    """An augmentation that changes with what the discriminators make of real images. Its state is saved with a run."""

    def adapt(self, confidence: float, share: float) -> None:
        """Take in a step.

        Args:
            confidence: the mean sign of the discriminators' logits on real images, counted from the logit of one that
                cannot tell: from -1, all are taken for fakes, to 1, all for real. A discriminator that knows its images
                by heart comes near 1 (Karras et al. 2020, r_t).
            share: how much of the run's budget the step took, such as 0.001 for one of a thousand steps.
        """
        ...

    def values(self) -> Mapping[str, float]:
        """What the log shows of it, by name, such as a probability."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that :meth:`adapt` changes: nested dicts and lists of tensors, numbers, strings and None."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        ...


class PairMetric(Protocol):
    """How far each translation is from its true one."""

    def __call__(self, output: Tensor, truth: Tensor) -> Tensor:
        """Two batches ``[N, C, H, W]`` in [-1, 1], rounded to 8 bits, to one value an image, ``[N]``."""
        ...


class SetMetric(Protocol):
    """How far a set of translations is from the images of the target domain; made anew for each comparison.

    More members are used where a metric has them: ``deviation``, after ``compute``, the standard deviation of its
    value, or None; ``of_targets()``, the value of images of the target domain themselves, to hold the other one
    against, or None; ``update_inputs(images)``, called after each ``update`` of translations with the inputs that they
    were made of, ``[N, C, H, W]`` in the same order; ``protocol()``, a dictionary of what it takes to get the number
    again; ``notes()``, sentences for who quotes it.
    """

    def update(self, images: Tensor, real: bool) -> None:
        """Add a batch ``[N, C, H, W]`` in [-1, 1], rounded to 8 bits: of the target domain if ``real``, else ours."""
        ...

    def compute(self) -> float:
        """The distance of the two sets; each has at least two images."""
        ...


class Sample(TypedDict, total=False):
    """One item of a data set. ``A`` is the input domain, ``B`` the target domain (``--direction`` swaps them)."""

    A: Tensor  # [C, H, W]
    B: Tensor  # [C, H, W]
    A_partner: Tensor  # [C, H, W], the true B of A under the same crop and flip; zeros where there is none
    B_partner: Tensor  # [C, H, W], the true A of B under the same crop and flip; zeros where there is none
    # Whether the partner exists. In the test split, and in paired training, True says that B itself is the true
    # translation of A. This is what is measured by; Dataset.truth is for people.
    A_has_partner: bool
    B_has_partner: bool
    A_name: str
    B_name: str


class Dataset(Protocol):
    """A source of samples in which every random choice is a pure function of ``(seed, epoch, index)``.

    More members are used where a data set has them (see :mod:`i2i.plugins.dataset_members`): ``notes``,
    sentences for the person who starts a run; ``sizes``, every ``(height, width)`` of its samples, else the first
    sample is looked at; ``names``, ``"A"`` and ``"B"`` to a list of the names of all images, by which a resumed
    run finds out that its images changed (else only their number is compared); ``settled``, options by name that the
    training images decided, which the run keeps; ``held_out_by``, what decided which images are held out, as in "held
    out by ...", to stand beside what is measured with them; and ``values``, ``"A"`` and ``"B"`` to the ``range`` and
    ``type`` of what their files hold, where those are no pictures. ``i2i data check`` uses three: ``pictures``, ``"A"``
    and ``"B"`` to the name, the path and the half (``"left"``, ``"right"`` or empty) of every image, without which it
    cannot look; ``paired_names``, those that mean a true pair; and ``leaks``, notes on held-out images that training
    images give away.
    """

    channels: Mapping[str, int]
    """Channels of ``"A"`` and ``"B"``."""
    domains: Mapping[str, str]
    """A readable name of ``"A"`` and ``"B"``, such as the folder's."""
    truth: bool
    """Whether, in the ``test`` split, ``B`` is the true translation of ``A`` for at least one item."""

    def __len__(self) -> int:
        """Number of samples in one epoch."""
        ...

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """The sample at ``(epoch, index)``."""
        ...


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """What a metric learns from (see ``learns`` of a ``MetricSpec``).

    Attributes:
        dataset: the training split, read as in training; ``None`` where it cannot be read.
        missing: why not.
        folder: for what metrics of this run learn; it may not exist yet; ``None``: there is no run.
        may_write: whether something new may be kept there.
    """

    dataset: Dataset | None
    missing: str = ""
    folder: Path | None = None
    may_write: bool = False


class Update(Protocol):
    """What the trainer lends to a method for one step."""

    @property
    def random(self) -> torch.Generator:
        """Random numbers on the CPU; saved with the checkpoint."""
        ...

    @property
    def step(self) -> int:
        """How many steps of the run are done: 0 in the first."""
        ...

    @property
    def fraction(self) -> float:
        """The share of the run's budget that is used: 0 in the first step, at most 1.

        It falls back where a run resumes with a larger budget. In a run limited by minutes it follows the clock.
        """
        ...

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of ``loss``."""
        ...

    def apply(self, group: str) -> None:
        """Average the gradients of a group of networks over processes, step, clear them.

        Args:
            group: ``"generators"``, ``"discriminators"`` or ``"helpers"``.
        """
        ...


Batch = Mapping[str, Any]
"""A :class:`Sample` with a leading batch dimension: tensors stacked, names in a list, flags in a bool tensor."""


class Method(Protocol):
    """A training method: its networks and its step.

    Attributes:
        generators: by name, such as ``{"G_A": ..., "G_B": ...}``.
        discriminators: by name, such as ``{"D_A": ..., "D_B": ...}``.
        buffers: by name.
        directions: which generator translates ``"AtoB"`` and, if any, ``"BtoA"``.

    More members are used where a method has them (see :mod:`i2i.plugins.method_members`): ``helpers``, networks by name
    that are trained and saved, but are no generators, judge no images and have no moving average, such as the
    projections of a contrastive loss; ``state_dict()`` and ``load_state_dict(state)``, for what else changes from step
    to step: nested dicts and lists of tensors, numbers, strings and None. Each process saves its own.
    """

    generators: Mapping[str, nn.Module]
    discriminators: Mapping[str, nn.Module]
    buffers: Mapping[str, Buffer]
    directions: Mapping[str, str]

    def step(self, batches: Sequence[Batch], update: Update) -> dict[str, Tensor]:
        """Train on one or more micro-batches, apply each group of networks once, and return each term's value."""
        ...


def no_augmentation(channels: Sequence[int]) -> Augmentation:
    """The augmentation of a run without any: images stay as they are."""
    del channels
    return _as_they_are


def _as_they_are(images: Tensor, random: torch.Generator) -> Tensor:
    del random
    return images


@dataclass(frozen=True)
class Parts:
    """The components a person chose, ready for a method to put together.

    Attributes:
        channels: channels of domains ``"A"`` and ``"B"``.
        make_generator: ``(in_channels, out_channels)`` to an initialised generator.
        make_discriminator: ``in_channels`` to an initialised discriminator; with several discriminators, one module
            whose output is the list of all their logits.
        make_buffer: a buffer with a random generator of its own.
        adversarial: the adversarial loss.
        pixel: the pixel loss.
        taps: names of inner layers of what ``make_generator`` and ``make_discriminator`` make, from shallow to deep,
            under ``"generator"`` and ``"discriminator"``; empty where the component names none. See
            :func:`i2i.plugins.features.tapped`.
        size_multiple: what the generator wants H and W to be multiples of.
        smallest_size: the smallest H and W, a multiple of that, that the generator and all discriminators take.
        make_augmentation: the chosen augmentations, for one discriminator. It is given the number of channels of each
            image that the discriminator sees, ``(3,)``, or ``(3, 3)`` for an input and an output that are stacked. All
            images, real and fake, go through what it returns, ``augment(images, update.random)``, right before the
            discriminator, in the step of either group of networks and after the buffer. Without a chosen augmentation
            it changes nothing. A method that never calls it cannot be run with ``--augment``.
    """

    channels: Mapping[str, int]
    make_generator: Callable[[int, int], nn.Module]
    make_discriminator: Callable[[int], nn.Module]
    make_buffer: Callable[[], Buffer]
    adversarial: AdversarialLoss
    pixel: PixelLoss
    taps: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"generator": (), "discriminator": ()})
    size_multiple: int = 1
    smallest_size: int = 1
    make_augmentation: Callable[[Sequence[int]], Augmentation] = no_augmentation


Better = Literal["higher", "lower"]
"""Which values of a metric are better."""


@dataclass(frozen=True)
class ObservedRun:
    """What an observer is told of the run that it watches.

    Attributes:
        folder: the run folder.
        config: the resolved configuration, nested plain values, fit for JSON.
        step: steps done so far: 0, or where the run resumes.
        evaluations: the held-out metrics up to there, by step; see :meth:`RunObserver.evaluated`.
    """

    folder: Path
    config: Mapping[str, Any]
    step: int
    evaluations: Mapping[int, Mapping[str, Mapping[str, float]]]


class EndedRun(Protocol):
    """What :meth:`RunObserver.ended` is told: what :func:`i2i.run` returns."""

    @property
    def folder(self) -> Path:
        """The run folder."""
        ...

    @property
    def step(self) -> int:
        """Steps done in all."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the budget was used up, or an observer asked for the end; false after an interruption."""
        ...

    @property
    def metrics(self) -> Mapping[str, Mapping[str, float]]:
        """Held-out metrics by direction."""
        ...


class RunObserver:
    """What watches a run: subclass it and override the events that matter. None changes the run, but :meth:`stop`.

    All but :meth:`measuring` are called in the main process, between steps. What one raises becomes one note that names
    the observer, which hears no more then; training continues.
    """

    def measuring(self, metrics: Mapping[str, Better]) -> None:
        """What held-out images will be measured by, and which values are better; in every process, before training.

        Args:
            metrics: by name, as in :meth:`evaluated`; none where there is nothing to measure.

        Raises:
            ConfigError: the observer cannot do without another one; the run does not begin, and says why.
        """

    def started(self, run: ObservedRun) -> None:
        """Training begins, or resumes."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """A line of the log was written: each loss as ``loss/NAME``, a mean over the steps since the line before, and
        ``learning_rate`` and ``images_per_second``.
        """

    def pictured(self, step: int, pictures: Mapping[str, Path]) -> None:
        """Sample sheets were drawn: a PNG file, RGB or with alpha, for each direction (``"AtoB"``, ``"BtoA"``)."""

    def evaluated(self, step: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Held-out images were measured: each direction's metrics by name, such as ``l1`` in levels of 0 to 255, and
        beside them ``identity_l1`` and so on, what scores without a network, and ``images``, their number.
        """

    def saved(self, step: int, path: Path) -> None:
        """A checkpoint was written."""

    def ended(self, result: EndedRun) -> None:
        """The run ended and is saved: by its budget, by an observer, or interrupted."""

    def failed(self, step: int, reason: str) -> None:
        """An error, or a second Ctrl-C, ended the run after this step."""

    def stop(self) -> str | None:
        """Why training should end now, such as ``"l1 is no better for 5 evaluations"``; None: go on."""
        return None
