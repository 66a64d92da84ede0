"""A domain classifier learns in seconds what tells two domains apart, says how well, and is kept with its images."""

import pytest
import torch
from safetensors import safe_open

from i2i.builtin.metrics.domain_classifier import FILE, ClassifierSettings, domain_classifier
from i2i.errors import DataError
from i2i.plugins.protocols import TrainingImages

QUICK = ClassifierSettings(side=16, steps=60, seed=0)


class Pictures:
    """Stripes that lie in A and stand in B, in any colour; or whatever ``b`` makes of an image of A."""

    def __init__(self, count=20, channels=(3, 3), b=lambda image: image.transpose(1, 2), seed=0):
        self.count, self.channels, self.b, self.seed = count, dict(zip("AB", channels, strict=True)), b, seed
        self.names = {"A": [f"a{n}" for n in range(count)], "B": [f"b{n}" for n in range(count)]}
        self.domains, self.truth = {"A": "lying", "B": "standing"}, False

    def __len__(self):
        return self.count

    def _striped(self, place, channels):
        random = torch.Generator().manual_seed(self.seed * 1000 + place)
        rows = torch.arange(16).div(2 + place % 2, rounding_mode="floor") % 2 * 2.0 - 1
        colours = torch.rand(channels, 1, 1, generator=random) - 0.5
        return (rows[None, :, None].expand(channels, 16, 16) * 0.4 + colours).clamp(-1, 1)

    def __getitem__(self, key):
        epoch, place = key
        drawn = (place * 7 + epoch) % self.count
        b = self.b(self._striped(drawn + self.count, self.channels["B"]))
        return {"A": self._striped(place, self.channels["A"]), "B": b, "A_name": f"a{place}", "B_name": f"b{drawn}"}


@pytest.fixture(scope="module")
def learnt():
    return domain_classifier(TrainingImages(Pictures()), QUICK)


def test_it_tells_unseen_images_and_disturbed_ones(learnt):
    unseen = [Pictures(seed=9)[0, place] for place in range(8)]
    for domain, is_b in (("A", 0), ("B", 1)):
        images = torch.stack([sample[domain] for sample in unseen])
        for disturbed in (images, images + 0.02 * torch.randn(images.shape), images.repeat_interleave(2, 2)):
            features, probability = learnt.judge(disturbed)
            assert features.shape == (8, 128)
            assert ((probability > 0.5) == bool(is_b)).float().mean() >= 0.75
    assert learnt.known.accuracy >= 0.75
    assert (learnt.known.images, learnt.known.unseen) == ((20, 20), 8)


def test_nothing_else_draws_other_numbers_for_it_and_it_is_always_the_same(learnt):
    before = torch.random.get_rng_state()
    again = domain_classifier(TrainingImages(Pictures()), QUICK)
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, value in learnt.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value), name


def test_it_is_kept_and_learnt_anew_for_other_images_or_settings(tmp_path):
    settings = ClassifierSettings(16, 2, 0)
    first = domain_classifier(TrainingImages(Pictures(), folder=tmp_path, may_write=True), settings)
    with safe_open(tmp_path / FILE, "pt") as file:
        assert "accuracy" in file.metadata()["classifier"]
    kept = domain_classifier(TrainingImages(Pictures(), folder=tmp_path), settings)
    gone = domain_classifier(TrainingImages(None, "they are gone", tmp_path), settings)
    assert first.known == kept.known == gone.known
    assert torch.equal(first.network.last.weight, kept.network.last.weight)
    other = domain_classifier(TrainingImages(Pictures(seed=3), folder=tmp_path), settings)
    longer = domain_classifier(TrainingImages(Pictures(), folder=tmp_path), ClassifierSettings(16, 3, 0))
    assert other.known.identity != first.known.identity
    assert longer.known.settings.steps == 3
    (tmp_path / FILE).write_bytes(b"half a file")
    assert domain_classifier(TrainingImages(Pictures(), folder=tmp_path), settings).known == first.known


def test_what_it_cannot_do_is_said():
    with pytest.raises(DataError, match="needs 10 training images of each domain; there are 9 of A and 9 of B"):
        domain_classifier(TrainingImages(Pictures(9)), QUICK)
    with pytest.raises(DataError, match="cannot be read: the disk is elsewhere"):
        domain_classifier(TrainingImages(None, "the disk is elsewhere"), QUICK)
    same = domain_classifier(TrainingImages(Pictures(b=lambda image: image)), ClassifierSettings(16, 5, 0))
    assert any("hardly tells A from B" in note for note in same.notes())


def test_a_cue_that_decides_all_is_named(learnt):
    assert not any("alone tells" in note for note in learnt.notes())
    brighter = Pictures(b=lambda image: (image * 0.3 + 0.7).clamp(-1, 1))
    notes = domain_classifier(TrainingImages(brighter), ClassifierSettings(16, 30, 0)).notes()
    assert any("alone tells A from B on 1.00" in note for note in notes)


@pytest.mark.parametrize(("channels", "seen"), [((1, 1), 1), ((5, 5), 5), ((1, 3), 1)])
def test_images_of_any_channels_are_seen(channels, seen):
    found = domain_classifier(TrainingImages(Pictures(channels=channels)), ClassifierSettings(16, 3, 0))
    assert found.known.channels == seen
    assert any("sees one channel" in note for note in found.notes()) == (seen == 1)
    for count in channels:
        assert found.judge(torch.zeros(2, count, 20, 24))[1].shape == (2,)
