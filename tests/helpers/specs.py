"""Specs as a plugin of the tests would have them."""

from i2i.plugins import BufferSpec, DatasetSpec, DiscriminatorSpec, GeneratorSpec, LossSpec, MethodSpec


def spec_of(kind, build):
    """The spec of a component called ``oak``."""
    classes = {
        "generator": (GeneratorSpec, {}),
        "discriminator": (DiscriminatorSpec, {}),
        "loss": (LossSpec, {"family": "adversarial"}),
        "buffer": (BufferSpec, {}),
        "method": (MethodSpec, {"pairing": lambda _: "unpaired"}),
        "dataset": (DatasetSpec, {}),
    }
    spec, more = classes[kind]
    return spec(name="oak", summary="A tree.", build=build, **more)
