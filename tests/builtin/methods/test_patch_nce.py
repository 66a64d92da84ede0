"""The contrastive loss is the paper's, written out patch by patch."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from i2i.builtin.methods.patch_nce import PatchProjections, adaptive_patch_nce, draw_places, patch_nce


def vectors(count, patches, length=8, seed=0):
    drawn = torch.randn(count, patches, length, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn / drawn.norm(dim=-1, keepdim=True)


def written_out(query, key, temperature):
    """Eq. 3 of the paper for every patch: its own key against those of the other patches of the same image."""
    losses = []
    for queries, keys in zip(query, key, strict=True):
        for place, own in enumerate(queries):
            positive = math.exp(torch.dot(own, keys[place]) / temperature)
            negatives = sum(
                math.exp(torch.dot(own, other) / temperature) for at, other in enumerate(keys) if at != place
            )
            losses.append(-math.log(positive / (positive + negatives)))
    return sum(losses) / len(losses)


def reference(query, key, temperature):
    """The reference implementation's way: the positive first, and -10 in place of it among the negatives."""
    patches, length = query.shape[1:]
    flat_query, flat_key = query.reshape(-1, length), key.detach().reshape(-1, length)
    positive = torch.bmm(flat_query.view(-1, 1, length), flat_key.view(-1, length, 1)).view(-1, 1)
    negative = torch.bmm(query, key.detach().transpose(2, 1))
    negative = negative.masked_fill(torch.eye(patches, dtype=torch.bool)[None], -10.0).view(-1, patches)
    logits = torch.cat((positive, negative), dim=1) / temperature
    loss = nn.CrossEntropyLoss(reduction="none")(logits, torch.zeros(len(logits), dtype=torch.long))
    return loss.mean()


@pytest.mark.parametrize("temperature", [0.07, 0.2])
def test_it_is_the_loss_of_the_paper_and_of_its_code(temperature):
    query, key = vectors(2, 5), vectors(2, 5, seed=1)
    loss = patch_nce(query.requires_grad_(), key, temperature)

    assert loss.item() == pytest.approx(written_out(query.detach(), key, temperature), rel=1e-10)
    theirs = reference(query, key, temperature)
    assert loss.item() == pytest.approx(theirs.item(), rel=1e-10)
    gradients = [torch.autograd.grad(each, query)[0] for each in (loss, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("evenness", [1.0, 0.3, 0.0])
def test_the_adaptive_loss_weighs_each_place_by_how_alike_it_is(evenness):
    """Place by place, as the authors' code does; weights are divided by their sum and multiplied by their number."""
    query, key = vectors(2, 5).requires_grad_(), vectors(2, 5, seed=1).requires_grad_()
    loss = adaptive_patch_nce(query, key, 0.07, evenness)
    losses, weights = [], []
    for queries, keys in zip(query, key.detach(), strict=True):
        for place, own in enumerate(queries):
            logits = torch.stack([torch.dot(own, other) / 0.07 for other in keys])
            losses.append(logits.logsumexp(0) - logits[place])
            weights.append(evenness + (1 - evenness) * max(0.0, torch.dot(own, keys[place]).item()))
    assert min(weights) == (0 if evenness == 0 else pytest.approx(evenness)), "some places are unlike"
    terms = [weight / sum(weights) * len(weights) * each for weight, each in zip(weights, losses, strict=True)]
    expected = sum(terms) / len(terms)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-10)
    gradients = [torch.autograd.grad(each, query)[0] for each in (loss, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-12)
    assert not torch.autograd.grad(adaptive_patch_nce(query, key, 0.07, evenness), key, allow_unused=True)[0]
    if evenness == 1:
        assert loss.item() == pytest.approx(patch_nce(query, key, 0.07).item(), rel=1e-12)


def test_places_that_are_all_unlike_have_no_part_and_divide_nothing_by_zero():
    query = vectors(1, 4)
    assert adaptive_patch_nce(query, -query, 0.07, 0.0).item() == 0


def test_negatives_are_of_the_same_image_alone():
    query, key = vectors(2, 4), vectors(2, 4, seed=1)
    both = patch_nce(query, key, 0.07)
    each = [patch_nce(query[place : place + 1], key[place : place + 1], 0.07) for place in (0, 1)]

    assert both.item() == pytest.approx(sum(each).item() / 2)


def test_no_gradient_reaches_the_keys():
    key = vectors(1, 4, seed=1).requires_grad_()
    patch_nce(vectors(1, 4).requires_grad_(), key, 0.07).backward()

    assert key.grad is None


def test_it_computes_exactly_under_autocast():
    query, key = (vectors(1, 64, seed=seed).bfloat16() for seed in (0, 1))
    with torch.autocast("cpu", torch.bfloat16):
        loss = patch_nce(query, key, 0.07)

    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(patch_nce(query.float(), key.float(), 0.07).item(), rel=1e-6)


def test_places_are_different_and_at_most_all_that_there_are():
    features = [torch.zeros(2, 3, 4, 5), torch.zeros(2, 7, 2, 2)]
    first, second = draw_places(features, 6, torch.Generator().manual_seed(0))

    assert len(set(first.tolist())) == 6
    assert max(first) < 20
    assert sorted(second.tolist()) == [0, 1, 2, 3]
    again = draw_places(features, 6, torch.Generator().manual_seed(0))
    assert torch.equal(again[0], first)


def test_projections_are_nearly_unit_vectors_of_the_features_at_the_places():
    torch.manual_seed(0)
    projections = PatchProjections([3, 5], 16)
    features = [torch.randn(2, 3, 4, 6), torch.randn(2, 5, 2, 3)]
    places = [torch.tensor([23, 0, 7]), torch.tensor([4])]
    first, second = projections(features, places)

    assert (first.shape, second.shape) == ((2, 3, 16), (2, 1, 16))
    torch.testing.assert_close(first.norm(dim=-1), torch.ones(2, 3), rtol=1e-2, atol=0)
    plain = projections.layers[0](features[0][1, :, 1, 1])  # place 7 of rows of 6
    torch.testing.assert_close(first[1, 2], plain / (plain.norm() + 1e-7))


def test_projections_begin_as_in_the_reference_implementation():
    torch.manual_seed(0)
    first, _, second = PatchProjections([64], 256).layers[0]

    for layer in (first, second):
        expected = 0.02 * math.sqrt(2 / (layer.in_features + layer.out_features))
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.05)
        assert not layer.bias.any()
