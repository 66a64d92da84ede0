"""What a run trains with is decided by its configuration alone, and is the same in every process but for chance."""

import pytest
import torch
from accelerate import Accelerator

from i2i.api import resolve
from i2i.errors import ConfigError, DataError
from i2i.plugins.manager import PluginManager
from i2i.training.assembly import assemble
from i2i.training.processes import Processes

from ..helpers.images import write_images
from ..helpers.running import PAIRED, UNPAIRED


class Notes(list):
    def note(self, text):
        self.append(text)


@pytest.fixture
def put_together(images):
    """Assemble a run on the images, as the process of that rank among several."""

    def build(rank=0, count=1, data=images, settings=UNPAIRED, more=None, **options):
        processes, notes = Processes(Accelerator(cpu=True)), Notes()
        processes.rank, processes.count, processes.is_main = rank, count, rank == 0
        config = resolve(data, settings={**settings, **(more or {})}, **options)
        return assemble(PluginManager(), config, processes, notes), notes

    return build


def weights(parts):
    return [value for network in parts.update.networks.values() for value in network.state_dict().values()]


def test_every_process_has_the_same_weights_and_random_numbers_of_its_own(put_together):
    (first, _), one = put_together(), torch.rand(3)
    torch.rand(5)
    (second, _), other = put_together(rank=1, count=2), torch.rand(3)
    (again, _), same = put_together(), torch.rand(3)

    assert all(torch.equal(ours, theirs) for ours, theirs in zip(weights(first), weights(second), strict=True))
    draws = [torch.rand(3, generator=parts.update.random) for parts in (first, second, again)]
    assert torch.equal(draws[0], draws[2])
    assert torch.equal(one, same)
    assert not torch.equal(draws[0], draws[1])
    assert not torch.equal(one, other)


def test_the_budget_counts_what_all_processes_take(put_together):
    parts, _ = put_together(count=2, batch_size=2, accumulate=2, epochs=2)

    assert (parts.samples_per_step, parts.budget.steps, len(parts.train_set)) == (8, 2, 8)


def test_networks_are_ready_to_train_and_each_group_has_a_schedule(put_together):
    parts, _ = put_together(more={"training.ema_decay": 0.5}, precision="bf16")

    assert all(network.training for network in parts.update.networks.values())
    assert parts.schedules.keys() == parts.update.optimizers.keys() == {"generators", "discriminators"}
    assert parts.update.averages.keys() == {"G_A", "G_B"}
    assert parts.update.precision == "bf16"


def test_without_training_images_there_is_no_run(put_together, tmp_path):
    data = write_images(tmp_path / "data", train=(0, 0), test=(1, 1))
    with pytest.raises(DataError, match="no "):
        put_together(data=data)


def test_sizes_that_the_networks_do_not_take_are_refused(put_together):
    deep = {name: value for name, value in UNPAIRED.items() if not name.startswith("generator")}
    with pytest.raises(ConfigError, match="multiples of 64"):
        put_together(settings={**deep, "generator.name": "unet", "generator.downs": 6})


def test_notes_about_the_data_are_printed(put_together, tmp_path):
    data = write_images(tmp_path / "data")
    (data / "trainA" / "notes.txt").write_text("no image")
    (data / "trainA" / "broken.png").write_bytes(b"")

    _, notes = put_together(data=data, skip_bad=True)

    assert any("broken.png" in note for note in notes), notes
    assert all(note.startswith("data: ") for note in notes)


TWO = {"training.evaluation_images": 2}


def test_what_measures_is_built_before_training_and_in_the_process_that_measures(put_together):
    parts, _ = put_together(metric=["frechet_distance", "ssim"], more=TWO)
    assert [metric.name for metric in parts.metrics] == ["l1", "psnr", "frechet_distance", "ssim"]
    other, _ = put_together(rank=1, count=2, metric="frechet_distance", more=TWO)
    assert list(other.metrics) == []
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        put_together(metric="frechet_distance", more={**TWO, "metrics.frechet_distance.features": "missing.onnx"})


def test_a_best_by_the_cycle_wants_a_way_back(put_together, pairs):
    best = {"training.best": "cycle_l1"}
    put_together(more=best)
    with pytest.raises(ConfigError, match=r"best=cycle_l1 needs generators of both directions, and method pix2pix"):
        put_together(data=pairs, settings=PAIRED, more=best)


def test_an_augmentation_that_adapts_to_nothing_is_refused_before_training(put_together):
    adapting = {"augmentations.diffaugment.adapt": True}
    with pytest.raises(ConfigError, match="loss wgan-gp gives their logits no middle"):
        put_together(augment="diffaugment", loss="wgan-gp", more=adapting)
