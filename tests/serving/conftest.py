import numpy as np
import pytest
from PIL import Image

import i2i

TINY = {
    "generator.name": "resnet",
    "generator.blocks": 1,
    "generator.base_channels": 4,
    "generator.init_gain": 0.1,
    "discriminator.name": "patch",
    "discriminator.layers": 1,
    "discriminator.base_channels": 4,
    "data.mode": "none",
}


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """The run folder of a tiny CycleGAN, which translates a picture in milliseconds."""
    root = tmp_path_factory.mktemp("served")
    for domain in ("A", "B"):
        (root / "images" / domain).mkdir(parents=True)
        for number in range(4):
            noise = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(noise).save(root / "images" / domain / f"{number}.png")
    return i2i.run(root / "images", out=root / "tiny run", steps=1, device="cpu", settings=TINY).folder
