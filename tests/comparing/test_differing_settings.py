"""Settings that tell runs apart."""

from i2i.comparing.differing_settings import differing


def test_only_what_differs_is_listed_by_its_dotted_name():
    one = {"generator": {"name": "resnet", "blocks": 6}, "training": {"steps": 5}}
    other = {"generator": {"name": "resnet", "blocks": 9}, "training": {"steps": 5, "ema": 0.9}}
    assert differing([one, other]) == {"generator.blocks": [6, 9], "training.ema": [None, 0.9]}


def test_components_of_a_list_are_counted_and_plain_lists_are_values():
    one = {"discriminator": [{"name": "patch", "layers": 3}], "freeze": ["a"]}
    other = {"discriminator": [{"name": "patch", "layers": 2}, {"name": "pixel"}], "freeze": ["a", "b"]}
    assert differing([one, other]) == {
        "discriminator.0.layers": [3, 2],
        "discriminator.1.name": [None, "pixel"],
        "freeze": [["a"], ["a", "b"]],
    }


def test_a_model_that_does_not_say_makes_no_difference():
    config = {"generator": {"name": "resnet"}}
    assert differing([config, {}, config]) == {}
    assert differing([{}, {}]) == {}
