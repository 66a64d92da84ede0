"""Images that do not fit the networks are reported before training."""

from __future__ import annotations

import pytest
import torch

from i2i.api import resolve
from i2i.config.sizes import check_sizes
from i2i.errors import ConfigError
from i2i.plugins.manager import PluginManager

MANAGER = PluginManager({})


class Images:
    """One image of each domain; a size is height, width."""

    def __init__(self, a, b=None):
        self.of = {"A": a, "B": b or a}

    def __len__(self):
        return 1

    def __getitem__(self, key):
        assert key == (0, 0)
        return {domain: torch.zeros(3, *size) for domain, size in self.of.items()}


class Known(Images):
    """A data set that knows the size of every sample."""

    def __init__(self, *sizes):
        self.sizes = sizes

    def __getitem__(self, key):
        raise AssertionError("its samples need not be loaded")


class Nothing(Images):
    def __init__(self):
        super().__init__((1, 1))

    def __len__(self):
        return 0


def check(train, test=None, **options):
    check_sizes(MANAGER, resolve("photos", **options), train, test or Nothing())


@pytest.mark.parametrize(
    ("generator", "size"), [("resnet9", (256, 256)), ("resnet9", (100, 60)), ("unet128", (256, 128))]
)
def test_sizes_that_fit(generator, size):
    check(Images(size), Images(size), generator=generator)


def test_an_empty_split_is_passed_over():
    check(Nothing(), Nothing(), generator="unet256")


@pytest.mark.parametrize(
    ("size", "near", "other"),
    [
        ((64, 64), 256, ", or --generator resnet9, which takes them"),
        ((128, 384), 256, ", or --generator unet128, which takes them"),
        ((500, 300), 256, ", or --generator resnet9, which takes them"),
        ((512, 700), 512, ", or --generator resnet9, which takes them"),
        ((257, 256), 256, ""),
        ((640, 640), 512, ", or --generator unet128, which takes them"),
    ],
)
def test_a_generator_names_the_nearest_size_and_the_nearest_generator_that_fit(size, near, other):
    with pytest.raises(ConfigError) as caught:
        check(Images(size), generator="unet256")

    height, width = size
    assert str(caught.value) == (
        "generator unet256 needs heights and widths that are multiples of 256; "
        f"images come out at {width}x{height}; use --image-size {near}{other}"
    )
    check(Images((near, near)), generator="unet256")


def test_both_domains_and_both_splits_are_looked_at():
    good, bad = (256, 256), (256, 250)
    with pytest.raises(ConfigError, match="images come out at 250x256"):
        check(Images(good, bad))
    with pytest.raises(ConfigError, match="images come out at 250x256"):
        check(Images(good), Images(bad))
    with pytest.raises(ConfigError, match="images come out at 250x256"):
        check(Known(good, good, bad))


def test_a_discriminator_names_its_smallest_size():
    with pytest.raises(ConfigError) as caught:
        check(Images((256, 16)), discriminator=["pixel", "patch70"])

    assert str(caught.value) == (
        "discriminator patch70 needs images of at least 24 pixels a side; images come out at 16x256; "
        "use a larger --image-size or fewer layers"
    )
    check(Images((256, 24)), discriminator="patch70")


def test_batches_of_mixed_sizes_are_refused():
    mixed = Known((128, 64), (64, 64), (64, 96), (64, 64))

    check(mixed)
    check(mixed, accumulate=4)
    check(Known((64, 64), (64, 64)), mixed, batch_size=2)  # held-out images come one by one
    with pytest.raises(ConfigError) as caught:
        check(mixed, batch_size=2)

    assert str(caught.value) == (
        "--batch-size must be 1 for images of different sizes, and got 2; images come out at 3 sizes, from 64x64 to "
        "64x128; use --batch-size 1 --accumulate N, or a data.mode that crops"
    )


def test_a_gradient_penalty_wants_one_size_unless_images_are_paired():
    mixed = Known((128, 64), (64, 64))
    with pytest.raises(ConfigError, match=r"loss wgan-gp .* must have one size; .* 2 sizes, from 64x64 to 64x128"):
        check(mixed, loss="wgan-gp")
    with pytest.raises(ConfigError, match="loss wgan-gp"):
        check(Images((64, 64), (64, 96)), loss="wgan-gp")
    check(Known((64, 64)), mixed, loss="wgan-gp")
    check(mixed, loss="wgan-gp", method="pix2pix", generator="resnet9")
    check(mixed, set={"loss.r1": 1})  # which looks at real images alone


def test_images_too_small_for_the_generator_are_refused():
    with pytest.raises(
        ConfigError, match="generator resnet9 needs images of at least 8 pixels a side; images come out at"
    ):
        check(Images((4, 12)), discriminator="pixel")

    check(Images((8, 12)), discriminator="pixel")


LOSSES = """
from i2i.plugins import LossSpec, Options, hookimpl

class Sized(Options):
    scales: int = 5

@hookimpl
def i2i_losses():
    size = lambda options: 10 * 2 ** (options.scales - 1)
    build = lambda options: lambda image, target: (image - target).abs().mean()
    return [LossSpec(name="scaled", summary="A loss.", family="pixel", options=Sized, build=build, smallest_size=size)]
"""


def test_a_loss_names_its_smallest_size(install):
    install("i2i-scaled", LOSSES)

    def check(train, test=None, **options):
        manager = PluginManager()
        config = resolve("photos", pixel_loss="scaled", manager=manager, **options)
        check_sizes(manager, config, train, test or Nothing())

    with pytest.raises(ConfigError) as caught:
        check(Images((256, 128)))
    assert str(caught.value) == (
        "loss scaled needs images of at least 160 pixels a side; training images come out at 128x256; use "
        "--image-size 160 or more, or another --pixel-loss"
    )
    with pytest.raises(ConfigError, match="use --image-size 256 or more"):
        check(Images((128, 128)), generator="unet128")
    check(Images((160, 256)), Images((64, 64)))  # held-out images meet no loss
    check(Images((128, 128)), settings={"pixel_loss.scales": 4})


class Held(Images):
    """Held-out images, of which the truth is known or not."""

    def __init__(self, size, *, truth=True, count=1):
        super().__init__(size)
        self.truth, self.count = truth, count

    def __len__(self):
        return self.count


def refuse(test, **options):
    with pytest.raises(ConfigError) as caught:
        check(Images((64, 64)), test, generator="resnet9", **options)
    return str(caught.value)


def test_a_metric_that_cannot_measure_images_so_small_is_refused():
    check(Images((64, 64)), Held((64, 64)), metric="ssim")
    message = refuse(Held((64, 10)), metric="ssim")
    assert message.startswith("metric ssim needs images of at least 11 pixels a side; images come out at 10x64")


@pytest.mark.parametrize("options", [{"metric": "psnr"}, {"set": ["training.best=psnr"]}])
def test_a_metric_of_pairs_wants_a_truth(options):
    check(Images((64, 64)), Held((64, 64)), **options)
    message = refuse(Held((64, 64), truth=False), **options)
    assert message.startswith("metric psnr compares with true translations, and of the 1 held-out images of photos")


def test_a_metric_of_sets_wants_two_images():
    two = Held((64, 64), truth=False, count=2)
    check(Images((64, 64)), two, metric="frechet_distance")
    assert "at least 2 held-out images; 1 would be measured" in refuse(Held((64, 64)), metric="frechet_distance")
    few = ["training.evaluation_images=1"]
    assert "1 would be measured" in refuse(two, metric="frechet_distance", set=few)
