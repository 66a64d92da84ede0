"""Changed images are noticed, and named as far as their names are known."""

import pytest

from i2i.errors import DataError
from i2i.training.records.fingerprint import fingerprint, names_of, require_same_data


class Nameless:
    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length


class Named(Nameless):
    def __init__(self, a, b):
        super().__init__(max(len(a), len(b)))
        self.names = {"A": a, "B": b}


TRAIN = Named(["cat", "dog"], ["fox"])
TEST = Named(["owl"], ["owl"])


def compare(train_now, test_now=TEST, *, train=TRAIN, test=TEST, keep_names=True):
    names = names_of(train, test) if keep_names else {}
    require_same_data(fingerprint(train, test), names, train_now, test_now, "pictures")


def test_the_same_names_in_another_order_are_the_same_images():
    compare(Named(["dog", "cat"], ["fox"]))


def test_every_change_gives_its_number_and_first_names():
    with pytest.raises(DataError) as raised:
        compare(Named(["cat"], ["fox", *(f"new{number}" for number in range(5))]), Named(["eel"], ["owl"]))
    assert str(raised.value) == (
        "pictures holds other images than those the run was trained on:\n"
        "  test A: 1 missing (owl)\n"
        "  test A: 1 new (eel)\n"
        "  train A: 1 missing (dog)\n"
        "  train B: 5 new (new0, new1, new2, ...)\n"
        "  train: 2 samples before, 6 now\n"
        "A run resumes with its own images only: put them back, name their folder with --data, or start a new run"
    )


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (Named(["cat", "dog", "eel"], ["fox"]), "train: 2 samples before, 3 now"),
        (Named(["cat", "eel"], ["fox"]), "other names than before"),
    ],
)
def test_changes_are_noticed_where_the_names_are_lost(now, told):
    with pytest.raises(DataError, match=told):
        compare(now, keep_names=False)


def test_a_name_that_moves_to_the_other_domain_is_a_change():
    with pytest.raises(DataError, match=r"train A: 1 missing \(dog\)\n  train B: 1 new \(dog\)"):
        compare(Named(["cat"], ["fox", "dog"]))


def test_without_names_the_lengths_are_compared():
    compare(Nameless(3), Nameless(1), train=Nameless(3), test=Nameless(1))
    with pytest.raises(DataError, match="test: 1 samples before, 2 now"):
        compare(Nameless(3), Nameless(2), train=Nameless(3), test=Nameless(1))
