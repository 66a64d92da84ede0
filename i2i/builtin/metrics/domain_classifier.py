"""The domain classifier: a small network that learns from the training images of a run to tell A from B.

A classifier two-sample test (Lopez-Paz, Oquab: *Revisiting Classifier Two-Sample Tests*, ICLR 2017) asks how well a
classifier tells two sets apart on images that it has not seen; here it is learnt once, of real images, and asked about
translations. It sees whole images at one size, each time blurred, sharpened, noisy and shifted in another way, so that
sharpness alone decides nothing, and as many of A as of B. A fifth of the images is held out and says how often it is
right. Everything happens on the CPU, in seconds, with random numbers of its own.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from i2i.errors import DataError, I2IError
from i2i.files.atomic import note_limit, write_whole
from i2i.plugins.calls import calling
from i2i.plugins.dataset_members import image_names_of
from i2i.plugins.protocols import Dataset, TrainingImages
from i2i.progress import counted
from i2i.tensors.inference import own_random_numbers, torchs_own_settings
from i2i.tensors.pixels import to_uint8

FILE = "domain-classifier.safetensors"
"""Where a run keeps it, so that it is learnt once."""
FEWEST_IMAGES = 10
"""Training images of each domain below which nothing is learnt, nor could be checked."""
MOST_IMAGES = 500
"""Training samples that are looked at, evenly spaced."""
FEATURES = 128

_LEAST_SIDE = 16
_HALF_BATCH = 16
_RATE = 2e-3
_LOOKED_AT = 8  # samples whose pixels tell training images from others of the same names
_EPOCHS = 4
_TELLS_APART = 0.7
_CUES = ("brightness", "contrast", "colourfulness", "sharpness", "size", "proportions")


@dataclass(frozen=True)
class ClassifierSettings:
    """How it is learnt: the longest side of the images it sees, its steps, and the seed of its random numbers."""

    side: int
    steps: int
    seed: int


@dataclass(frozen=True)
class _Known:
    """What is kept beside the weights.

    Attributes:
        settings: how it was learnt.
        identity: of the training images.
        channels: that it sees; 1 where those of the domains differ: then each image is the mean of its channels.
        side: of the images that it sees.
        images: training images of A and of B, the held-out ones among them.
        unseen: how many were held out.
        accuracy: the share of these that it tells right, where A and B count as much.
        cues: the same of one number of an image, such as its brightness, by name.
    """

    settings: ClassifierSettings
    identity: str
    channels: int
    side: int
    images: tuple[int, int]
    unseen: int
    accuracy: float
    cues: dict[str, float]


class _Network(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inner, outer in ((channels, 24), (24, 48), (48, FEATURES // 2)):
            layers += [nn.Conv2d(inner, outer, 3, stride=2, padding=1), nn.GroupNorm(8, outer), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.last = nn.Linear(FEATURES, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.layers(images)  # [N, 64, S / 8, S / 8]
        deviations = (maps.var(dim=(2, 3), correction=0) + 1e-5).sqrt()
        features = torch.cat([maps.mean(dim=(2, 3)), deviations], dim=1)  # [N, 128]: style, wherever it is
        return features, self.last(features).squeeze(1)


@dataclass(frozen=True, eq=False)
class DomainClassifier:
    """A network that tells A from B.

    Attributes:
        known: how it was learnt, and how well.
        network: from images ``[N, C, S, S]`` to features and logits.
        scale: of the features: their mean square over the training images becomes 1.
    """

    known: _Known
    network: nn.Module
    scale: Tensor
    _judged: WeakTensorKeyDictionary = field(default_factory=WeakTensorKeyDictionary, repr=False)

    @torchs_own_settings()
    def judge(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Look at images ``[N, C, H, W]`` in [-1, 1].

        Returns:
            Features ``[N, 128]``, and the probability ``[N]`` of being of domain B.
        """
        if images not in self._judged:
            features, logits = self.network(_seen(images.cpu().float(), self.known.channels, self.known.side))
            self._judged[images] = features * self.scale, logits.sigmoid()
        judged: tuple[Tensor, Tensor] = self._judged[images]
        return judged

    def notes(self) -> list[str]:
        """How often it is right, and what makes that worth little."""
        known = self.known
        said = f"{known.accuracy:.2f} of {known.unseen} training images that it had not seen"
        notes = [f"the domain classifier tells A from B on {said}"]
        if known.accuracy < _TELLS_APART:
            notes.append(
                f"the domain classifier hardly tells A from B ({said}; half would be chance): what it says of "
                "translations means little"
            )
        cue, alone = max(known.cues.items(), key=lambda each: each[1])
        if alone >= max(_TELLS_APART, known.accuracy - 0.02):
            notes.append(
                f"{cue} alone tells A from B on {alone:.2f} of these images, so the domain classifier may look at "
                "little else: look at the pictures"
            )
        if known.channels == 1:
            notes.append("the domain classifier sees one channel: of images with more, the mean")
        return notes

    def protocol(self) -> dict[str, Any]:
        """How it was learnt, and how well."""
        kept = asdict(self.known)
        return {**kept.pop("settings"), **{key: kept[key] for key in ("side", "images", "unseen", "accuracy", "cues")}}


_learnt: WeakKeyDictionary[TrainingImages, dict[ClassifierSettings, DomainClassifier]] = WeakKeyDictionary()


def domain_classifier(training: TrainingImages, settings: ClassifierSettings) -> DomainClassifier:
    """The classifier of training images: as their run keeps it, or learnt now, once for all metrics.

    Raises:
        DataError: there are too few images, or they cannot be read.
    """
    known = _learnt.setdefault(training, {})
    if settings not in known:
        known[settings] = _kept(training, settings) or _learn_and_keep(training, settings)
    return known[settings]


def _learn_and_keep(training: TrainingImages, settings: ClassifierSettings) -> DomainClassifier:
    if training.dataset is None:
        raise DataError(
            f"the domain classifier learns from the training images, which cannot be read: {training.missing}"
        )
    learnt = _learn(training.dataset, settings)
    if training.folder is not None and training.may_write:
        tensors = {**learnt.network.state_dict(), "scale": learnt.scale}
        about = {"classifier": json.dumps(asdict(learnt.known))}
        try:
            write_whole(training.folder / FILE, save(tensors, about))
        except I2IError as error:
            note_limit(f"the domain classifier is not kept: {error}")
    return learnt


def _kept(training: TrainingImages, settings: ClassifierSettings) -> DomainClassifier | None:
    """What the run keeps; nothing where that is damaged, of other images or learnt in another way: learn it anew."""
    if training.folder is None:
        return None
    try:
        with safe_open(training.folder / FILE, "pt") as file:
            about = json.loads(file.metadata()["classifier"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        about["images"] = tuple(about["images"])
        known = _Known(**{**about, "settings": ClassifierSettings(**about["settings"])})
        if known.settings != settings:
            return None
        if training.dataset is not None and known.identity != _identity(training.dataset):
            return None
        network, scale = _Network(known.channels), tensors.pop("scale")
        network.load_state_dict(tensors)
        return DomainClassifier(known, network.eval(), scale)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError):
        return None


def _identity(dataset: Dataset) -> str:
    """What tells training images from others: the names of all, and the pixels of a few."""
    digest = hashlib.sha256(json.dumps([len(dataset), image_names_of(dataset)]).encode("utf-8", "surrogateescape"))
    for place in range(min(len(dataset), _LOOKED_AT)):
        with calling(dataset, "reading a training sample"):
            sample = dataset[0, place * len(dataset) // min(len(dataset), _LOOKED_AT)]
        for image in (sample["A"], sample["B"]):
            digest.update(str(tuple(image.shape)).encode())
            digest.update(to_uint8(image).cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _learn(dataset: Dataset, settings: ClassifierSettings) -> DomainClassifier:
    channels = dataset.channels["A"] if dataset.channels["A"] == dataset.channels["B"] else 1
    side, images, cues = _gathered(dataset, channels, settings.side)
    counts = (len(images[0]), len(images[1]))
    if min(counts) < FEWEST_IMAGES:
        raise DataError(
            f"the domain classifier needs {FEWEST_IMAGES} training images of each domain; there are {counts[0]} of A "
            f"and {counts[1]} of B"
        )
    unseen = [torch.arange(count) % 5 == 4 for count in counts]
    halves = list(zip(images, unseen, strict=True))
    network = _fitted([each[~held] for each, held in halves], settings)
    judged = [network(_scaled(each[held]))[1] > 0 for each, held in halves]
    squares = torch.stack([network(_scaled(each[~held]))[0].square().mean() for each, held in halves])
    known = _Known(
        settings=settings,
        identity=_identity(dataset),
        channels=channels,
        side=side,
        images=counts,
        unseen=sum(int(held.sum()) for held in unseen),
        accuracy=_balanced(*judged),
        cues={name: _threshold_accuracy([each[:, place] for each in cues], unseen) for place, name in enumerate(_CUES)},
    )
    return DomainClassifier(known, network, squares.mean().clamp(min=1e-12).rsqrt())


def _gathered(
    dataset: Dataset, channels: int, longest: int
) -> tuple[int, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Each training image once.

    Returns:
        The side; of A and of B the images, uint8 ``[N, C, S, S]``; and likewise what could decide, ``[N, 6]``.
    """
    side, count = 0, min(len(dataset), MOST_IMAGES)
    found: dict[str, dict[str, tuple[Tensor, Tensor]]] = {"A": {}, "B": {}}
    expected = {domain: len(names) for domain, names in image_names_of(dataset).items()}
    for place in counted(range(count * _EPOCHS), "looking at training images"):
        if place >= count and all(len(found[domain]) >= expected.get(domain, 0) for domain in found):
            break  # there are no more; within one epoch the images of B are drawn, and some not at all
        index = place % count * len(dataset) // count
        with calling(dataset, f"reading training sample {index}"):
            sample = dataset[place // count, index]
        for domain, image in (("A", sample["A"]), ("B", sample["B"])):
            side = side or max(_LEAST_SIDE, min(longest, *image.shape[1:]))
            name = str(sample.get(f"{domain}_name", index))
            if name not in found[domain]:
                found[domain][name] = to_uint8(_seen(image[None].float(), channels, side)[0]), _cues(image.float())
    a, b = (tuple(map(torch.stack, zip(*each.values(), strict=True))) for each in found.values())
    return side, (a[0], b[0]), (a[1], b[1])


def _seen(images: Tensor, channels: int, side: int) -> Tensor:
    """Images ``[N, C, H, W]`` as the network sees them, ``[N, channels, side, side]``."""
    if images.shape[1] != channels:
        images = images.mean(dim=1, keepdim=True)
    if images.shape[2:] != (side, side):
        images = F.interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)
    return images


def _scaled(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


@torchs_own_settings(grad=True)
def _fitted(images: Sequence[Tensor], settings: ClassifierSettings) -> nn.Module:
    """A network that has learnt to tell two sets of images, uint8 ``[N, C, S, S]``."""
    channels = images[0].shape[1]
    with own_random_numbers(settings.seed):
        network = _Network(channels)
    random = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=1e-3)
    truth = torch.cat([torch.zeros(_HALF_BATCH), torch.ones(_HALF_BATCH)])
    for step in counted(range(settings.steps), "learning to tell the domains apart"):
        drawn = [each[torch.randint(len(each), (_HALF_BATCH,), generator=random)] for each in images]
        _, logits = network(_changed(_scaled(torch.cat(drawn)), random))
        loss = F.binary_cross_entropy_with_logits(logits, truth)
        optimizer.param_groups[0]["lr"] = _RATE * (1 + math.cos(math.pi * step / settings.steps)) / 2
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network.eval().requires_grad_(False)


def _changed(images: Tensor, random: torch.Generator) -> Tensor:
    """Images blurred or sharpened, with noise, and shifted by up to an eighth, each in its own way."""
    count, channels, side, _ = images.shape
    row = torch.tensor([1.0, 2.0, 1.0]) / 4
    kernel = (row[:, None] * row).expand(channels, 1, 3, 3)
    blurred = F.conv2d(F.pad(images, (1, 1, 1, 1), mode="reflect"), kernel, groups=channels)
    levels = [images, blurred, 2 * images - blurred]
    chosen = torch.randint(len(levels), (count,), generator=random)
    changed = torch.stack(levels)[chosen, torch.arange(count)]
    strength = torch.rand(count, 1, 1, 1, generator=random) * 0.05
    changed = changed + strength * torch.randn(changed.shape, generator=random)
    most = side // 8
    padded = F.pad(changed, (most,) * 4, mode="replicate")
    places = torch.randint(2 * most + 1, (count, 2), generator=random).tolist()
    return torch.stack([each[:, y : y + side, x : x + side] for each, (y, x) in zip(padded, places, strict=True)])


def _cues(image: Tensor) -> Tensor:
    """What a classifier could decide by without looking: one number of ``[C, H, W]`` for each of the cues."""
    height, width = image.shape[1:]
    steps = [*(image.diff(dim=axis).abs().mean() for axis in (1, 2) if image.shape[axis] > 1), torch.tensor(0.0)]
    return torch.stack(
        [
            image.mean(),
            image.std(correction=0),
            (image.amax(dim=0) - image.amin(dim=0)).mean(),
            torch.stack(steps).sum(),
            torch.tensor(float(height * width)),
            torch.tensor(width / height),
        ]
    )


def _balanced(a_as_b: Tensor, b_as_b: Tensor) -> float:
    return float((1 - a_as_b.float().mean() + b_as_b.float().mean()) / 2)


def _threshold_accuracy(cue: Sequence[Tensor], unseen: Sequence[Tensor]) -> float:
    """The balanced accuracy on unseen images of the threshold that tells the others best."""
    seen = [each[~held] for each, held in zip(cue, unseen, strict=True)]
    candidates = torch.cat(seen).unique()  # type: ignore[no-untyped-call]
    shares = [(each[:, None] > candidates).float().mean(dim=0) for each in seen]
    gains = shares[1] - shares[0]
    best = int(gains.abs().argmax())
    above = [each[held] > candidates[best] for each, held in zip(cue, unseen, strict=True)]
    accuracy = _balanced(*above)
    return accuracy if gains[best] > 0 else 1 - accuracy
