"""CycleGAN's step against a straight-line transcript of the paper's and the reference implementation's recipe."""

from __future__ import annotations

import itertools

import pytest
import torch

from i2i.errors import ConfigError
from i2i.plugins.method_members import all_networks_of

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
    "method.name=cyclegan",
    "generator.name=resnet",
    "generator.blocks=1",
    "generator.base_channels=4",
    "buffer.size=2",
    *SMALL_DISCRIMINATOR,
]


class Transcript:
    """The recipe with literal numbers: Adam 2e-4 (0.5, 0.999), cycle 10, identity 0.5 x 10, half the D loss."""

    def __init__(self, method, update, *, loss="lsgan", identity=5.0, paired=0.0):
        self.networks = copies_of(method)
        n = self.networks
        self.optimizer_g = torch.optim.Adam([*n.G_A.parameters(), *n.G_B.parameters()], lr=2e-4, betas=(0.5, 0.999))
        self.optimizer_d = torch.optim.Adam([*n.D_A.parameters(), *n.D_B.parameters()], lr=2e-4, betas=(0.5, 0.999))
        self.pool_a, self.pool_b = History(method.buffers["fake_A"]), History(method.buffers["fake_B"])
        self.random = torch.Generator()
        self.random.set_state(update.random.get_state())
        self.loss, self.identity, self.paired = loss, identity, paired

    def judge(self, network, images):
        """The logits of every discriminator."""
        answer = network(images)
        return answer if isinstance(answer, list) else [answer]

    def fool(self, network, fake):
        each = []
        for logits in self.judge(network, fake):
            if self.loss == "lsgan":
                each.append(((logits - 1) ** 2).mean())
            else:
                each.append(-logits.mean())
        return sum(each) / len(each)

    def tell(self, network, real, fake):
        each = []
        for on_real, on_fake in zip(self.judge(network, real), self.judge(network, fake), strict=True):
            if self.loss == "lsgan":
                each.append((((on_real - 1) ** 2).mean() + (on_fake**2).mean()) * 0.5)
            else:
                each.append(on_fake.mean() - on_real.mean())
        loss = sum(each) / len(each)
        if self.loss == "wgan-gp":
            u = torch.rand(len(real), 1, 1, 1, generator=self.random).to(real.dtype)
            between = (u * real + (1 - u) * fake).requires_grad_()
            squares = []
            for logits in self.judge(network, between):
                values = logits.mean(dim=(1, 2, 3))
                (gradient,) = torch.autograd.grad(values, between, torch.ones_like(values), create_graph=True)
                squares.append(((gradient.pow(2).sum(dim=(1, 2, 3)).sqrt() - 1) ** 2).mean())
            loss = loss + 10 * sum(squares) / len(squares)
        return loss

    def step(self, batch):
        n, a, b = self.networks, batch["A"], batch["B"]

        fake_b = n.G_A(a)
        back_a = n.G_B(fake_b)
        fake_a = n.G_B(b)
        back_b = n.G_A(fake_a)
        for parameter in itertools.chain(n.D_A.parameters(), n.D_B.parameters()):
            parameter.requires_grad = False
        terms = {
            "G_A": self.fool(n.D_A, fake_b),
            "G_B": self.fool(n.D_B, fake_a),
            "cycle_A": 10 * (back_a - a).abs().mean(),
            "cycle_B": 10 * (back_b - b).abs().mean(),
        }
        if self.identity:
            terms["identity_A"] = self.identity * (n.G_A(b) - b).abs().mean()
            terms["identity_B"] = self.identity * (n.G_B(a) - a).abs().mean()
        if self.paired:
            for domain, fake in (("A", fake_b), ("B", fake_a)):
                rows = [row for row, known in enumerate(batch[f"{domain}_has_partner"].tolist()) if known]
                if rows:
                    partner = batch[f"{domain}_partner"]
                    distances = [(fake[row] - partner[row]).abs().mean() for row in rows]
                    terms[f"paired_{domain}"] = self.paired * sum(distances) / len(rows)
        self.optimizer_g.zero_grad()
        sum(terms.values()).backward()
        self.optimizer_g.step()
        for parameter in itertools.chain(n.D_A.parameters(), n.D_B.parameters()):
            parameter.requires_grad = True

        self.optimizer_d.zero_grad()
        terms["D_A"] = self.tell(n.D_A, b, self.pool_b.query(fake_b.detach()))
        terms["D_A"].backward()
        terms["D_B"] = self.tell(n.D_B, a, self.pool_a.query(fake_a.detach()))
        terms["D_B"].backward()
        self.optimizer_d.step()
        return terms


def compare(method, config, batches, **recipe):
    """Run both, five steps, and return the transcript."""
    update = PlainUpdate(method, config)
    transcript = Transcript(method, update, **recipe)
    assert len(batches) == 5
    for batch in batches:
        assert_same_terms(method.step([batch], update), transcript.step(batch))
        for group, optimizer in (("generators", transcript.optimizer_g), ("discriminators", transcript.optimizer_d)):
            assert_same_gradients(update.gradients[group], [p.grad for p in optimizer.param_groups[0]["params"]])
    assert_same_weights(method, transcript.networks)
    return transcript


@pytest.mark.parametrize("identity", [True, False])
@pytest.mark.parametrize("batch", [1, 2])
def test_five_steps_equal_the_transcript(identity, batch):
    settings = [] if identity else ["method.lambda_identity=0"]
    method, config = make_method(*SMALL, *settings)

    transcript = compare(method, config, make_images(batch=batch), identity=5.0 if identity else 0.0)

    assert transcript.pool_a.swaps + transcript.pool_b.swaps > 0  # the history has been put to use


def test_the_steps_of_the_transcript_move_the_losses():
    method, config = make_method(*SMALL)
    before = copies_of(method)
    update = PlainUpdate(method, config)
    (batch,) = make_images(steps=1)

    first = method.step([batch], update)
    for _ in range(4):
        last = method.step([batch], update)

    assert sum(last[name] for name in last if name[0] != "D") < sum(first[name] for name in first if name[0] != "D")
    for name, network in all_networks_of(method).items():
        earlier = dict(getattr(before, name).named_parameters())
        assert any(not torch.equal(earlier[key], value) for key, value in network.named_parameters()), name


@pytest.mark.parametrize("pattern", [[True, False], [False, False], [True, True]])
def test_semi_paired_training_equals_the_transcript(pattern):
    method, config = make_method(*SMALL, "method.lambda_paired=7")
    batches = make_images(batch=2)
    for number, (batch, partners) in enumerate(zip(batches, make_images(batch=2, seed=8), strict=True)):
        known = pattern[::-1] if number % 2 else pattern
        batch["A_has_partner"], batch["B_has_partner"] = torch.tensor(known), torch.tensor(known[::-1])
        batch["A_partner"], batch["B_partner"] = partners["A"], partners["B"]

    compare(method, config, batches, paired=7.0)

    terms = method.step([batches[0]], PlainUpdate(method, config))
    assert ("paired_A" in terms) == ("paired_B" in terms) == any(pattern)
    assert config.data.options.pairing == "partners"


def test_images_without_a_partner_do_not_count():
    method, _ = make_method(*SMALL, "method.lambda_paired=7")
    (batch,) = make_images(steps=1, batch=2)
    batch["A_has_partner"] = batch["B_has_partner"] = torch.tensor([True, False])
    batch["A_partner"], batch["B_partner"] = torch.zeros_like(batch["A"]), torch.zeros_like(batch["B"])

    _, _, terms = method._generator_terms(batch, torch.Generator())
    batch["A_partner"] = batch["B_partner"] = (
        torch.tensor([0.0, float("nan")]).double().view(2, 1, 1, 1).expand(2, 3, 32, 32)
    )
    _, _, same = method._generator_terms(batch, torch.Generator())

    assert torch.equal(terms["paired_A"], same["paired_A"])
    assert torch.equal(terms["paired_B"], same["paired_B"])


def test_several_discriminators_count_by_their_mean():
    method, config = make_method(
        *SMALL[: -len(SMALL_DISCRIMINATOR)],
        "discriminator.name=[patch, pixel, patch]",
        "discriminator.base_channels=4",
        "discriminator.0.layers=1",
        "discriminator.1.base_channels=8",
        "discriminator.2.layers=2",
    )
    assert len(method.discriminators["D_A"]) == 3

    compare(method, config, make_images())


def test_gradient_penalty_equals_the_transcript():
    method, config = make_method(*SMALL, "loss.name=wgan-gp")

    compare(method, config, make_images(batch=2), loss="wgan-gp")


def test_gradient_penalty_of_several_discriminators_equals_the_transcript():
    method, config = make_method(*SMALL, "loss.name=wgan-gp", "discriminator.copies=2")

    compare(method, config, make_images(), loss="wgan-gp")


@pytest.mark.parametrize("paired", [False, True])
def test_accumulating_two_batches_of_one_equals_a_batch_of_two(paired):
    unbuffered = [setting for setting in SMALL if not setting.startswith("buffer.size=")] + ["buffer.size=0"]
    settings = [*unbuffered, "method.lambda_paired=3"] if paired else SMALL
    whole, config = make_method(*settings)
    parts, _ = make_method(*settings)
    update_whole, update_parts = PlainUpdate(whole, config), PlainUpdate(parts, config)
    for batch in make_images(batch=2):
        if paired:
            batch["A_has_partner"] = batch["B_has_partner"] = torch.tensor([True, True])
            batch["A_partner"], batch["B_partner"] = batch["B"].flip(-1), batch["A"].flip(-1)
        halves = [{key: value[row : row + 1] for key, value in batch.items()} for row in (0, 1)]

        assert_same_terms(parts.step(halves, update_parts), whole.step([batch], update_whole))
        for group, gradients in update_whole.gradients.items():
            assert_same_gradients(update_parts.gradients[group], gradients)
    assert_same_weights(parts, copies_of(whole))
    assert update_parts.calls.count("generators") == update_parts.calls.count("discriminators") == 5


def test_generators_step_before_discriminators_and_each_once():
    method, config = make_method(*SMALL)
    update = PlainUpdate(method, config)

    method.step(make_images(steps=2), update)

    applied = [call for call in update.calls if call != "backward"]
    assert applied == ["generators", "discriminators"]


def test_the_generators_step_leaves_no_gradient_on_the_discriminators():
    method, config = make_method(*SMALL)
    update = PlainUpdate(method, config)
    seen = []
    apply = update.apply
    update.apply = lambda group: (
        seen.append((group, [p.grad for d in method.discriminators.values() for p in d.parameters()])),
        apply(group),
    )

    method.step(make_images(steps=1), update)

    assert seen[0][0] == "generators"
    assert all(gradient is None for gradient in seen[0][1])
    assert all(p.requires_grad for d in method.discriminators.values() for p in d.parameters())


def test_terms_are_detached():
    method, config = make_method(*SMALL)

    terms = method.step(make_images(steps=1), PlainUpdate(method, config))

    assert not any(value.requires_grad for value in terms.values())


def test_domains_of_different_channels():
    method, config = make_method(*SMALL, "method.lambda_identity=0", channels={"A": 1, "B": 3})

    compare(method, config, make_images(channels=(1, 3)), identity=0.0)

    with pytest.raises(ConfigError, match=r"lambda_identity must be 0 .* add --set method.lambda_identity=0"):
        make_method(*SMALL, channels={"A": 1, "B": 3})


def test_each_direction_has_its_generator():
    method, _ = make_method(*SMALL)

    assert method.directions == {"AtoB": "G_A", "BtoA": "G_B"}
    assert set(method.buffers) == {"fake_A", "fake_B"}
    states = [method.buffers[name].generator.get_state() for name in ("fake_A", "fake_B")]
    assert not torch.equal(*states)  # each draws numbers of its own
