"""pix2pix's step against a straight-line transcript of the paper's and the reference implementation's recipe."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

from .stepping import (
    SMALL_DISCRIMINATOR,
    History,
    PlainUpdate,
    assert_same_gradients,
    assert_same_terms,
    assert_same_weights,
    copies_of,
    make_images,
    make_method,
)

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = [
    "method.name=pix2pix",
    "generator.name=unet",
    "generator.base_channels=4",
    "generator.downs=6",  # the first depth with a level that drops out
    *SMALL_DISCRIMINATOR,
]
SIZE = 64


class Transcript:
    """The recipe with literal numbers: D first, cross-entropy on logits, half the D loss, L1 x 100, Adam 2e-4."""

    def __init__(self, method):
        self.networks = copies_of(method)
        self.optimizer_g = torch.optim.Adam(self.networks.G.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.optimizer_d = torch.optim.Adam(self.networks.D.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.pool = History(method.buffers["fake_AB"])

    def step(self, batch):
        g, d, a, b = self.networks.G, self.networks.D, batch["A"], batch["B"]
        terms = {}

        fake_b = g(a)

        for parameter in d.parameters():
            parameter.requires_grad = True
        self.optimizer_d.zero_grad()
        on_fake = d(self.pool.query(torch.cat((a, fake_b), 1).detach()))
        on_real = d(torch.cat((a, b), 1))
        to_zero = F.binary_cross_entropy_with_logits(on_fake, torch.zeros_like(on_fake))
        to_one = F.binary_cross_entropy_with_logits(on_real, torch.ones_like(on_real))
        terms["D"] = (to_zero + to_one) * 0.5
        terms["D"].backward()
        self.optimizer_d.step()

        for parameter in d.parameters():
            parameter.requires_grad = False
        self.optimizer_g.zero_grad()
        on_fake = d(torch.cat((a, fake_b), 1))
        terms["G"] = F.binary_cross_entropy_with_logits(on_fake, torch.ones_like(on_fake))
        terms["L1"] = (fake_b - b).abs().mean() * 100
        (terms["G"] + terms["L1"]).backward()
        self.optimizer_g.step()
        return terms


def compare(method, config, batches):
    update, transcript = PlainUpdate(method, config), Transcript(method)
    assert len(batches) == 5
    for number, batch in enumerate(batches):
        torch.manual_seed(number)  # the same units drop out
        terms = method.step([batch], update)
        torch.manual_seed(number)
        assert_same_terms(terms, transcript.step(batch))
        for group, optimizer in (("generators", transcript.optimizer_g), ("discriminators", transcript.optimizer_d)):
            assert_same_gradients(update.gradients[group], [p.grad for p in optimizer.param_groups[0]["params"]])
    return transcript


@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize("batch", [1, 2])
def test_five_steps_equal_the_transcript(dropout, batch):
    method, config = make_method(*SMALL, *([] if dropout else ["generator.dropout=false"]))
    assert config.generator.options.dropout is dropout  # on by default
    assert method.buffers["fake_AB"].size == 0

    transcript = compare(method, config, make_images(batch=batch, size=SIZE))

    # Real before fake or after it is the same but for the running statistics, which follow the last.
    check_weights(method, transcript)


def check_weights(method, transcript):
    for network in (method.discriminators["D"], transcript.networks.D):
        for name, buffer in network.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.zero_()
    assert_same_weights(method, transcript.networks)


def test_five_steps_with_a_history_equal_the_transcript():
    method, config = make_method(*SMALL, "buffer.name=replay", "buffer.size=2")

    transcript = compare(method, config, make_images(batch=2, size=SIZE))

    assert transcript.pool.swaps > 0
    check_weights(method, transcript)


def test_dropout_makes_a_difference():
    method, _ = make_method(*SMALL)
    (batch,) = make_images(steps=1, size=SIZE)

    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(method.generators["G"](batch["A"]))

    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


def test_accumulating_two_batches_of_one_equals_a_batch_of_two():
    settings = [setting for setting in SMALL if not setting.startswith("generator.downs=")]
    settings += ["generator.norm=instance", "generator.dropout=false", "discriminator.norm=instance"]
    settings += ["generator.downs=5"]  # 64 px leave 2 x 2 in the middle: one pixel has no variance
    whole, config = make_method(*settings)
    parts, _ = make_method(*settings)
    update_whole, update_parts = PlainUpdate(whole, config), PlainUpdate(parts, config)

    for batch in make_images(batch=2, size=SIZE):
        halves = [{key: value[row : row + 1] for key, value in batch.items()} for row in (0, 1)]
        assert_same_terms(parts.step(halves, update_parts), whole.step([batch], update_whole))
        for group, gradients in update_whole.gradients.items():
            assert_same_gradients(update_parts.gradients[group], gradients)

    assert_same_weights(parts, copies_of(whole))


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_the_discriminator_steps_first(micro_batches):
    method, config = make_method(*SMALL)
    update = PlainUpdate(method, config)

    terms = method.step(make_images(steps=micro_batches, size=SIZE), update)

    assert update.calls == ["backward"] * micro_batches + ["discriminators"] + ["backward"] * micro_batches + [
        "generators"
    ]
    assert not any(value.requires_grad for value in terms.values())


def test_the_discriminators_step_leaves_no_gradient_on_the_generator_and_the_reverse():
    method, config = make_method(*SMALL)
    update, seen, networks = PlainUpdate(method, config), {}, [method.generators["G"], method.discriminators["D"]]
    apply = update.apply

    def watch(group):
        seen[group] = [any(p.grad is not None for p in network.parameters()) for network in networks]
        apply(group)

    update.apply = watch
    method.step(make_images(steps=1, size=SIZE), update)

    assert seen == {"discriminators": [False, True], "generators": [True, False]}


def test_the_discriminator_sees_input_and_output_side_by_side():
    method, config = make_method(*SMALL, channels={"A": 1, "B": 3})
    shown = []
    method.discriminators["D"].register_forward_pre_hook(lambda _, images: shown.append(images[0].detach()))
    (batch,) = make_images(steps=1, channels=(1, 3), size=SIZE)

    torch.manual_seed(0)
    fake = method.generators["G"](batch["A"]).detach()
    torch.manual_seed(0)
    method.step([batch], PlainUpdate(method, config))

    assert [images.shape[1] for images in shown] == [4, 4, 4]
    assert all(torch.equal(images[:, :1], batch["A"]) for images in shown)
    assert sum(torch.equal(images[:, 1:], batch["B"]) for images in shown) == 1
    assert sum(torch.allclose(images[:, 1:], fake) for images in shown) == 2


def test_it_translates_one_way():
    method, config = make_method(*SMALL)

    assert method.directions == {"AtoB": "G"}
    assert config.data.options.pairing == "paired"


def test_what_is_augmented_is_what_the_discriminator_sees_and_no_pixel_of_the_l1():
    plain, config = make_method(*SMALL, "generator.dropout=false")
    augmented, _ = make_method(*SMALL, "generator.dropout=false", "augmentations.name=[diffaugment]")
    seen = []
    augmented.discriminators["D"].register_forward_pre_hook(lambda _, images: seen.append(images[0].detach()))
    (batch,) = make_images(steps=1, batch=2, size=SIZE)
    batch["A"], batch["B"] = batch["A"].abs() + 0.1, batch["B"].abs() + 0.1  # nothing is 0 but what is erased

    terms = augmented.step([batch], PlainUpdate(augmented, config))

    torch.testing.assert_close(terms["L1"], plain.step([batch], PlainUpdate(plain, config))["L1"])
    for real in seen[:1]:
        a, b = real.split(3, dim=1)
        assert (a == 0).any()
        assert torch.equal(a == 0, b == 0), "A and B are erased in one place"
    assert not any(torch.equal(one, other) for one, other in itertools.combinations(seen, 2))
