"""Translations that were made elsewhere: a folder of pictures, each named like the held-out image it translates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from i2i.errors import ConfigError, DataError
from i2i.evaluation.evaluated_data import DomainImages, EvaluatedImage
from i2i.images.readers import Readers
from i2i.images.reading import to_array
from i2i.models.info import TranslatorInfo


@dataclass(frozen=True)
class OfFolder:
    """The pictures of a folder as translations; make one with :func:`open_folder`.

    Attributes:
        folder: it.
        files: its pictures, by name without suffix.
        readers: the formats of image files.
        channels: of the translations: 1 for grey, 3 for colour.
        device: where metrics measure.
        background: the colour ``#rrggbb`` that transparent pixels are laid over.
    """

    folder: Path
    files: Mapping[str, Path]
    readers: Readers
    channels: int
    device: torch.device
    background: str = "#ffffff"
    notes: Sequence[str] = ()

    def require(self, images: DomainImages) -> None:
        """Nothing is asked of the images: what fits them is found by their names."""

    def of(self, images: Sequence[EvaluatedImage]) -> list[Tensor]:
        """Read the translations of images, each ``[1, C, H, W]`` in [-1, 1].

        Raises:
            DataError: there is none of that name, or it has another size than its image.
        """
        return [self._read(name, image) for name, image, _ in images]

    def about(self) -> dict[str, Any]:
        """The folder; what made it is not known."""
        return {"results": str(self.folder)}

    def protocol(self) -> dict[str, Any]:
        """How the files were computed is not known."""
        return {}

    def _read(self, name: str, image: Tensor) -> Tensor:
        path = self.files.get(name)
        if path is None:
            raise DataError(
                f"{self.folder} holds no result for the held-out image {name!r}; expected a picture of that name, with "
                "any suffix: translate it as well, or leave the folder out"
            )
        picture = self.readers.read_opaque(path, channels=self.channels, background=self.background)
        height, width = image.shape[1:]
        if picture.size != (width, height):
            raise DataError(
                f"{path} has {picture.width} x {picture.height} pixels, but the images that are compared have "
                f"{width} x {height}; translate images of that size, or have them read as the results are, such as "
                "with --set data.mode=none"
            )
        return torch.from_numpy(to_array(picture, self.channels))[None]


def open_folder(folder: Path, readers: Readers, like: TranslatorInfo, device: torch.device) -> OfFolder:
    """Find the pictures of a folder and of those inside.

    Args:
        folder: it.
        readers: the formats of image files.
        like: a model that makes translations of the same kind.
        device: where metrics measure.

    Raises:
        ConfigError: there is no such folder, or translations are no pictures.
        DataError: it holds no picture, or two of one name.
    """
    if not like.takes_pictures:
        raise ConfigError(
            f"--results {folder}: a folder of results holds grey or RGB pictures, and the model makes values of "
            f"{like.out_channels} channels; leave it out"
        )
    if not folder.is_dir():
        raise ConfigError(f"--results {folder} is not a folder; expected one of pictures, named like the images")
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in readers.suffixes or path.name.startswith(".") or not path.is_file():
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in files:
            raise DataError(f"{folder} holds {files[name].name} and {path.name}: keep one result for each image")
        files[name] = path
    if not files:
        raise DataError(f"{folder} holds no picture; expected one for each held-out image, of its name")
    return OfFolder(folder, files, readers, like.out_channels, device, like.background)
