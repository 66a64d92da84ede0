"""DiffAugment against a plain transcript of the paper's formulas, and its probability against that of ADA's rule."""

from __future__ import annotations

import pytest
import torch

from i2i.builtin.augmentations import DiffAugmentOptions
from i2i.builtin.augmentations.diffaugment import AdaptiveDiffAugment, DiffAugment

SIZES = [(16, 16), (15, 22), (7, 40)]


def images(size=(16, 16), count=5, channels=3, seed=0):
    return torch.rand(count, channels, *size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def random(seed=1):
    return torch.Generator().manual_seed(seed)


def augment(pictures, channels=None, seed=1, **options):
    made = DiffAugment(DiffAugmentOptions(**options), channels or [pictures.shape[1]])
    return made(pictures, random(seed))


def colours_by_the_paper(pictures, generator):
    """Appendix of Zhao et al. 2020, as their code has it, one image after the other."""
    brightness, saturation, contrast = (torch.rand(len(pictures), generator=generator) for _ in range(3))
    result = []
    for number, image in enumerate(pictures):
        image = image + (brightness[number] - 0.5)
        grey = image.mean(dim=0)
        image = (image - grey) * (saturation[number] * 2) + grey
        mean = image.mean()
        result.append((image - mean) * (contrast[number] + 0.5) + mean)
    return torch.stack(result)


def translation_by_the_paper(pictures, generator):
    """Pixel by pixel: what comes from outside is 0."""
    _, _, height, width = pictures.shape
    down = torch.randint(-(height // 8), height // 8 + 1, (len(pictures),), generator=generator)
    right = torch.randint(-(width // 8), width // 8 + 1, (len(pictures),), generator=generator)
    result = torch.zeros_like(pictures)
    for number, (y, x) in enumerate(zip(down.tolist(), right.tolist(), strict=True)):
        for row in range(height):
            for column in range(width):
                if 0 <= row + y < height and 0 <= column + x < width:
                    result[number, :, row, column] = pictures[number, :, row + y, column + x]
    return result


def cutout_by_the_paper(pictures, generator):
    """A rectangle of half of each side, whose middle is anywhere in the image, is 0."""
    _, _, height, width = pictures.shape
    tall, wide = height // 2, width // 2
    middle_y = torch.randint(0, height + (1 - tall % 2), (len(pictures), 1), generator=generator)
    middle_x = torch.randint(0, width + (1 - wide % 2), (len(pictures), 1), generator=generator)
    result = pictures.clone()
    for number in range(len(pictures)):
        top, left = middle_y[number].item() - tall // 2, middle_x[number].item() - wide // 2
        result[number, :, max(top, 0) : max(top + tall, 0), max(left, 0) : max(left + wide, 0)] = 0
    return result


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_the_papers(size, channels):
    pictures, generator = images(size, channels=channels), random()
    expected = colours_by_the_paper(pictures, generator)
    expected = translation_by_the_paper(expected, generator)
    expected = cutout_by_the_paper(expected, generator)
    torch.testing.assert_close(augment(pictures), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("options", "by_the_paper"),
    [
        ({"translation": 0, "cutout": 0}, colours_by_the_paper),
        ({"color": 0, "cutout": 0}, translation_by_the_paper),
        ({"color": 0, "translation": 0}, cutout_by_the_paper),
    ],
    ids=["colour", "translation", "cutout"],
)
def test_each_of_the_three_can_be_had_alone(options, by_the_paper):
    pictures = images()
    torch.testing.assert_close(augment(pictures, **options), by_the_paper(pictures, random()), rtol=0, atol=2e-6)


def test_all_of_it_can_be_turned_off():
    pictures = images()
    assert torch.equal(augment(pictures, color=0, translation=0, cutout=0), pictures)
    assert augment(pictures, probability=0) is pictures


def test_the_gradient_is_that_of_the_transcript():
    ours, theirs = (images().double().requires_grad_() for _ in range(2))
    augment(ours).pow(3).sum().backward()
    generator = random()
    expected = translation_by_the_paper(colours_by_the_paper(theirs, generator), generator)
    cutout_by_the_paper(expected, generator).pow(3).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-5)


def test_stacked_images_are_shifted_and_erased_alike_and_coloured_apart():
    image = images(count=8)
    stacked = torch.cat([image, image], dim=1)
    first, second = augment(stacked, [3, 3], color=0).split(3, dim=1)
    assert torch.equal(first, second)
    first, second = augment(stacked, [3, 3], translation=0, cutout=0).split(3, dim=1)
    assert not torch.allclose(first, second, atol=0.01)
    assert torch.allclose(first, augment(image, translation=0, cutout=0)), "the first alone would look the same"


def test_strength_and_sizes_are_what_the_options_say():
    pictures = torch.zeros(200, 1, 20, 20)
    shades = augment(pictures, color=0.3, translation=0, cutout=0)[:, 0, 0, 0]
    assert 0.13 < shades.abs().max() <= 0.15
    erased = augment(pictures + 1, color=0, translation=0, cutout=0.25)[:, 0] == 0
    assert erased.sum(dim=(1, 2)).max() == 5 * 5
    moved = augment(pictures + 1, color=0, translation=0.2, cutout=0)[:, 0] == 0
    assert moved.all(dim=2).sum(dim=1).max() == 4  # rows that came from outside


def test_the_probability_is_that_of_each_of_the_three_for_each_image():
    pictures = torch.ones(2000, 1, 8, 8)
    changed = augment(pictures, probability=0.3, color=1, translation=0, cutout=0) != 1
    assert changed.any(dim=3).any(dim=2).float().mean().item() == pytest.approx(0.3, abs=0.04)
    erased = augment(pictures, probability=0.3, color=0, translation=0) == 0
    assert erased.any(dim=3).any(dim=2).float().mean().item() == pytest.approx(0.3, abs=0.04)


def test_what_is_drawn_does_not_depend_on_type_or_size():
    double, half = augment(images().double()), augment(images().bfloat16())
    assert (double.dtype, half.dtype) == (torch.float64, torch.bfloat16)
    torch.testing.assert_close(double.float(), half.float(), rtol=0, atol=0.1)


def adapted(**options):
    return AdaptiveDiffAugment(DiffAugmentOptions(adapt=True, **options), [3])


def test_the_probability_follows_the_papers_rule_over_a_share_of_the_budget():
    """Karras et al. 2020: p += sign(r_t - target) * images / speed, each fourth step; the speed is span x budget."""
    made, p, steps, course = adapted(target=0.6, span=0.25), 0.0, 200, [0.0]
    confidences = (torch.rand(steps, generator=random()) / 2 + torch.linspace(0.6, 0.1, steps)).tolist()
    for number, confidence in enumerate(confidences, 1):
        made.adapt(confidence, 1 / steps)
        if number % 4 == 0:
            r_t = sum(confidences[number - 4 : number]) / 4
            p = min(1.0, max(0.0, p + (1 if r_t > 0.6 else -1) * 4 / (0.25 * steps)))
            course.append(p)
        assert made.values() == {"probability": pytest.approx(p, abs=1e-9)}
    assert course[1] > 0
    assert max(course) > 0.9
    assert course[-1] < max(course)


def test_sure_discriminators_take_it_from_0_to_1_in_the_span():
    made = adapted(span=0.1)
    for _ in range(96):
        made.adapt(1.0, 1 / 1000)
    assert made.probability == pytest.approx(0.96)
    for _ in range(40):
        made.adapt(1.0, 1 / 1000)
    assert made.probability == 1


def test_it_begins_at_the_probability_of_its_option():
    assert adapted().probability == 0
    assert adapted(probability=0.4).probability == 0.4


def test_between_two_changes_it_resumes_where_it_was():
    straight, resumed = adapted(), adapted()
    for confidence in (1.0, 0.9, 0.1, 0.2, 1.0, 0.8):
        straight.adapt(confidence, 0.01)
    resumed.load_state_dict(straight.state_dict())
    for made in (straight, resumed):
        made.adapt(0.0, 0.01)
        made.adapt(1.0, 0.02)
    assert resumed.state_dict() == straight.state_dict()
    assert resumed.probability > 0
