"""The images that are measured: chosen as the run chose its own, and each image of a domain once."""

import pytest
import torch

from i2i.errors import ConfigError, DataError, PluginError
from i2i.evaluation.evaluated_data import DomainImages, choose_data, open_images
from i2i.models.recorded_components import RecordedComponent
from i2i.plugins.directions import Direction
from i2i.plugins.manager import PluginManager

from ..helpers.images import READERS, write_images

RUN = {"root": "/images", "name": "folder", "image_size": 64, "load_size": 72, "flip": True, "channels_A": 1}


def choose(trained_on=RUN, root=None, given=None, split="test"):
    return choose_data(PluginManager(), trained_on, root, given or {}, split)


def test_data_are_read_as_the_run_read_them():
    chosen = choose()
    values = chosen.to_dict()
    assert list(values)[:3] == ["root", "split", "name"]
    assert (chosen.root, values["image_size"], values["channels_A"]) == ("/images", 64, 1)
    assert (values["flip"], values["load_size"]) == (True, 72), "which change nothing in the test split"


def test_what_is_asked_for_wins():
    chosen = choose(root="elsewhere", given={"image_size": 32})
    assert (chosen.root, chosen.to_dict()["image_size"]) == ("elsewhere", 32)


def test_a_model_that_says_nothing_gets_images_as_they_are():
    values = choose(None, "photos").to_dict()
    assert (values["name"], values["mode"], values["round_to"]) == ("folder", "none", 0)
    with pytest.raises(ConfigError, match="--data"):
        choose(None)


def test_options_of_another_data_set_are_not_the_runs():
    chosen = choose({**RUN, "name": "gone", "colour": "blue"}, "photos", {"name": "folder"})
    assert chosen.to_dict()["image_size"] != 64


def test_training_images_are_read_without_chance():
    values = choose(split="train").to_dict()
    assert (values["flip"], values["load_size"], values["image_size"]) == (False, 64, 64)


class Repeating:
    """Five samples that name three images of A and two of B; a and x are a pair."""

    channels = {"A": 3, "B": 1}  # noqa: RUF012
    names = ("ax", "by", "by", "cx", "ax")

    def __len__(self):
        return len(self.names)

    def __getitem__(self, key):
        a, b = self.names[key[1]]
        values = {"A_name": a, "B_name": b, "A_has_partner": (a, b) == ("a", "x")}
        return {"A": torch.full((3, 2, 2), ord(a)), "B": torch.full((1, 2, 2), ord(b)), **values}


@pytest.mark.parametrize(("domain", "names", "channels"), [("A", "abc", 3), ("B", "xy", 1)])
def test_each_image_of_a_domain_comes_once_with_its_truth(domain, names, channels):
    images = DomainImages(Repeating(), domain)
    found = list(images)
    assert "".join(chr(int(image[0, 0, 0])) for _, image, _ in found) == names
    assert images.channels == channels
    (truth,) = [truth for _, _, truth in found if truth is not None]
    assert chr(int(truth[0, 0, 0])) == {"A": "x", "B": "a"}[domain]


@pytest.mark.parametrize(("direction", "sources", "targets"), [("AtoB", 5, 7), ("BtoA", 7, 5)])
def test_all_images_of_both_domains_are_seen(tmp_path, direction, sources, targets):
    root = write_images(tmp_path / "pictures", train=(1, 1), test=(5, 7))
    images = open_images(PluginManager(), choose(None, root), READERS, Direction(direction), seed=0)
    assert (len(list(images.sources)), len(list(images.targets))) == (sources, targets)
    assert images.have_pairs("test")


def test_pairs_are_looked_for_among_training_images(tmp_path):
    root = write_images(tmp_path / "pictures", train=(2, 3), test=(1, 1))
    images = open_images(PluginManager(), choose(None, root, split="train"), READERS, Direction.A_TO_B, seed=0)
    found = [each.truth is not None for each in images.sources]
    assert images.have_pairs("train") is any(found)


def test_a_split_without_images_is_named(tmp_path):
    root = write_images(tmp_path / "pictures", train=(2, 2), test=(1, 1))
    for file in (root / "testA").iterdir():
        file.unlink()
    with pytest.raises(DataError):
        open_images(PluginManager(), choose(None, root), READERS, Direction.A_TO_B, seed=0)


def test_a_data_set_whose_package_is_gone_is_named_with_what_installs_it():
    recorded = [
        RecordedComponent("dataset", "acorns", "i2i-oak", "1.2"),
        RecordedComponent("loss", "oak", "i2i-oak", "1"),
    ]
    with pytest.raises(PluginError, match=r"(?s)reading the images as the run did needs .*pip install i2i-oak==1\.2$"):
        choose_data(PluginManager(), {"name": "acorns"}, "images", {}, "test", recorded)


LISTS = """
from pydantic import Field
from i2i.plugins import DatasetSpec, Options, hookimpl

class ListOptions(Options):
    image_size: int = Field(256, description="side")
    column: str = Field("A", description="which")

@hookimpl
def i2i_datasets():
    def accepts(root):
        return root.endswith(".list")
    return [DatasetSpec(name="lists", summary="Reads lists.", options=ListOptions, build=print, accepts=accepts)]
"""


def test_what_the_runs_data_set_does_not_accept_is_read_by_the_one_that_does(tmp_path):
    file = tmp_path / "lists.py"
    file.write_text(LISTS)
    manager = PluginManager({}, files=[file])

    chosen = choose_data(manager, RUN, "pairs.list", {}, "test")
    assert chosen.to_dict() == {"root": "pairs.list", "split": "test", "name": "lists", "image_size": 64, "column": "A"}
    assert "is read by data set 'lists'" in chosen.notes[0]
    back = choose_data(manager, chosen.to_dict() | {"name": "lists"}, str(tmp_path), {}, "test")
    assert (back.dataset.name, back.dataset.options.image_size) == ("folder", 64)
    assert choose_data(manager, RUN, None, {}, "test").notes == ()


def test_a_format_whose_package_is_gone_is_named_where_the_runs_own_images_are_read():
    recorded = [RecordedComponent("reader", "acorns", "i2i-oak", "1.2")]
    with pytest.raises(PluginError, match=r"(?s)needs what is not here.*reader 'acorns' .*pip install i2i-oak==1\.2$"):
        choose_data(PluginManager(), RUN, None, {}, "test", recorded)
    assert choose_data(PluginManager(), RUN, "others", {}, "test", recorded).root == "others"
