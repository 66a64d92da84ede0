"""Discriminators by name, and what the patch discriminator computes, one line an operation."""

import torch.nn.functional as F

from i2i.builtin.discriminators import SPECS

SPEC = {spec.name: spec for spec in SPECS}
NORM_KEYS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def build(name, in_channels=3, **options):
    spec = SPEC[name]
    return spec.build(spec.options(**options), in_channels=in_channels)


def smallest(name, **options):
    return SPEC[name].smallest_size(SPEC[name].options(**options))


def apply_norm(x, kind, state, key, training):
    if kind == "none":
        return x
    if kind == "instance":
        return F.instance_norm(x)
    mean, variance, weight, bias = (
        state[f"{key}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return F.batch_norm(x, mean.clone(), variance.clone(), weight, bias, training)


def patch_transcript(state, x, kind, training, prefix="model"):
    """Two strided layers, one line an operation."""

    def conv(x, index, stride):
        key = f"{prefix}.{index}"
        return F.conv2d(x, state[f"{key}.weight"], state.get(f"{key}.bias"), stride=stride, padding=1)

    x = F.leaky_relu(conv(x, 0, 2), 0.2)
    x = F.leaky_relu(apply_norm(conv(x, 2, 2), kind, state, f"{prefix}.3", training), 0.2)
    x = F.leaky_relu(apply_norm(conv(x, 5, 1), kind, state, f"{prefix}.6", training), 0.2)
    return conv(x, 8, 1)
