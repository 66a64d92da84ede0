"""Images of noise: as arrays, as files, and as folders that a run trains on. Each depends on its seed alone."""

from pathlib import Path

import numpy as np
from PIL import Image

from i2i.environment.packages import plugin_entry_points
from i2i.images.metadata import Metadata
from i2i.images.readers import Readers
from i2i.images.writing import encode_image, write_image
from i2i.plugins.manager import DISABLE_VARIABLE, PluginManager

STRANGERS = ",".join(each.name for each in plugin_entry_points())
READERS = Readers(PluginManager({DISABLE_VARIABLE: STRANGERS}))
"""The formats that come with i2i, whatever else is installed."""

SUFFIX_OF_FORMAT = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif"}

read_image = READERS.read_opaque


def write_picture(image, path, *, format_name, metadata=None, replace=False):
    """Write a Pillow image with metadata, in a built-in format."""

    def encode(file):
        encode_image(image, file, format_name=format_name, metadata=metadata or Metadata())

    write_image(encode, path, format_name=format_name, replace=replace)


def noise(height, width, channels=3, seed=0, *, levels=256):
    """Levels [height, width, channels] of uint8; of uint16 where there are more than 256 of them."""
    kind = np.uint8 if levels <= 256 else np.uint16
    return np.random.default_rng(seed).integers(0, levels, (height, width, channels), dtype=kind)


def write_noise(path, size=(16, 16), seed=0, *, mode="RGB", **options):
    """Write an image of ``size`` (width, height), with Pillow's ``options``, and its folder; return the path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(size[1], size[0], seed=seed)).convert(mode).save(path, **options)
    return path


def write_images(root, *, train=(8, 7), test=(2, 2), size=16, seed=0):
    """Write random PNGs to ``trainA/ trainB/ testA/ testB/``; files of one number share a name."""
    random = np.random.default_rng(seed)
    for split, counts in (("train", train), ("test", test)):
        for domain, count in zip("AB", counts, strict=True):
            folder = root / f"{split}{domain}"
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (size, size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return root


def write_arrays(root, *, count=6, size=16, seed=0):
    """Write ``A/`` and ``B/``: four bands of 12 bits in uint16, and their mean as float32; return the folder."""
    random = np.random.default_rng(seed)
    for domain in "AB":
        (root / domain).mkdir(parents=True)
    for number in range(count):
        bands = random.integers(0, 4096, (size, size, 4)).astype(np.uint16)
        np.save(root / "A" / f"{number}.npy", bands)
        np.save(root / "B" / f"{number}.npy", (bands.mean(axis=2) / 40 - 50).astype(np.float32))
    return root
