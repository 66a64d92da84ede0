"""The reference implementation's generators as straight-line functions of a state dict, written from its layout.

Nothing here knows i2i's classes: a state dict is drawn key by key, and the network is computed with
``torch.nn.functional`` from the tensors by their keys.
"""

import torch
import torch.nn.functional as F


class Weights(dict):
    """A state dict that is filled layer by layer, as the layers are named in the official files."""

    def __init__(self, norm, affine, seed=0):
        super().__init__()
        self.norm, self.affine = norm, affine
        self.random = torch.Generator().manual_seed(seed)

    def draw(self, *shape, scale=1.0, offset=0.0):
        return offset + scale * torch.randn(*shape, generator=self.random)

    def convolution(self, key, outputs, inputs, kernel, *, transposed=False, bias=None):
        ends = (inputs, outputs) if transposed else (outputs, inputs)
        fan = inputs * kernel * kernel / (4 if transposed else 1)
        self[f"{key}.weight"] = self.draw(*ends, kernel, kernel, scale=(2 / fan) ** 0.5)
        if bias if bias is not None else self.norm == "instance":
            self[f"{key}.bias"] = self.draw(outputs, scale=0.3)

    def normalisation(self, key, channels):
        if self.norm == "batch" or self.affine:
            self[f"{key}.weight"] = self.draw(channels, scale=0.2, offset=1.0)
            self[f"{key}.bias"] = self.draw(channels, scale=0.2)
        if self.norm == "batch":
            self[f"{key}.running_mean"] = self.draw(channels, scale=0.3)
            self[f"{key}.running_var"] = self.draw(channels, scale=0.2).abs() + 0.8
            self[f"{key}.num_batches_tracked"] = torch.tensor(1234)


def normalise(weights, key, x, train):
    scale, shift = weights.get(f"{key}.weight"), weights.get(f"{key}.bias")
    if weights.norm == "instance":
        mean = x.mean(dim=(2, 3), keepdim=True)
        variance = ((x - mean) ** 2).mean(dim=(2, 3), keepdim=True)
    elif weights.norm == "batch" and train:
        mean = x.mean(dim=(0, 2, 3), keepdim=True)
        variance = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
    elif weights.norm == "batch":
        mean = weights[f"{key}.running_mean"][:, None, None]
        variance = weights[f"{key}.running_var"][:, None, None]
    else:
        return x
    x = (x - mean) / torch.sqrt(variance + 1e-5)
    return x if scale is None else x * scale[:, None, None] + shift[:, None, None]


def conv(weights, key, x, **options):
    return F.conv2d(x, weights[f"{key}.weight"], weights.get(f"{key}.bias"), **options)


def deconv(weights, key, x, **options):
    return F.conv_transpose2d(x, weights[f"{key}.weight"], weights.get(f"{key}.bias"), stride=2, padding=1, **options)


def reflect(x, by):
    return F.pad(x, (by, by, by, by), mode="reflect")


def resnet(blocks=9, inputs=3, outputs=3, ngf=6, norm="instance", affine=False, dropout=False, seed=0):
    """The weights of ``resnet_Nblocks``; the layers that have none count in the numbers."""
    weights = Weights(norm, affine, seed)
    weights.convolution("model.1", ngf, inputs, 7)  # 0 pads
    weights.normalisation("model.2", ngf)  # 3 is a ReLU
    weights.convolution("model.4", 2 * ngf, ngf, 3)
    weights.normalisation("model.5", 2 * ngf)
    weights.convolution("model.7", 4 * ngf, 2 * ngf, 3)
    weights.normalisation("model.8", 4 * ngf)
    for block in range(10, 10 + blocks):
        for place in (1, 6 if dropout else 5):  # pad, convolution, norm, ReLU, perhaps dropout, pad, convolution, norm
            weights.convolution(f"model.{block}.conv_block.{place}", 4 * ngf, 4 * ngf, 3)
            weights.normalisation(f"model.{block}.conv_block.{place + 1}", 4 * ngf)
    after = 10 + blocks
    weights.convolution(f"model.{after}", 2 * ngf, 4 * ngf, 3, transposed=True)
    weights.normalisation(f"model.{after + 1}", 2 * ngf)
    weights.convolution(f"model.{after + 3}", ngf, 2 * ngf, 3, transposed=True)
    weights.normalisation(f"model.{after + 4}", ngf)
    weights.convolution(f"model.{after + 7}", outputs, ngf, 7, bias=True)
    return weights


def run_resnet(weights, x, train=False):
    """Compute ``resnet_Nblocks``; without dropout."""
    blocks = sorted({int(key.split(".")[1]) for key in weights if "conv_block" in key})
    x = F.relu(normalise(weights, "model.2", conv(weights, "model.1", reflect(x, 3)), train))
    x = F.relu(normalise(weights, "model.5", conv(weights, "model.4", x, stride=2, padding=1), train))
    x = F.relu(normalise(weights, "model.8", conv(weights, "model.7", x, stride=2, padding=1), train))
    for block in blocks:
        first = f"model.{block}.conv_block"
        y = F.relu(normalise(weights, f"{first}.2", conv(weights, f"{first}.1", reflect(x, 1)), train))
        second = 6 if f"{first}.6.weight" in weights and f"{first}.5.weight" not in weights else 5
        y = conv(weights, f"{first}.{second}", reflect(y, 1))
        x = x + normalise(weights, f"{first}.{second + 1}", y, train)
    after = blocks[-1] + 1
    x = deconv(weights, f"model.{after}", x, output_padding=1)
    x = F.relu(normalise(weights, f"model.{after + 1}", x, train))
    x = deconv(weights, f"model.{after + 3}", x, output_padding=1)
    x = F.relu(normalise(weights, f"model.{after + 4}", x, train))
    return torch.tanh(conv(weights, f"model.{after + 7}", reflect(x, 3)))


def unet(downs=8, inputs=3, outputs=3, ngf=4, norm="batch", affine=False, seed=0):
    """The weights of ``unet_128`` (7 downs) or ``unet_256`` (8 downs)."""
    weights = Weights(norm, affine, seed)

    def level(key, depth):
        """One level and all below: ``depth`` 0 is the outermost."""
        outer, inner = ngf * min(2 ** (depth - 1), 8), ngf * min(2**depth, 8)
        if depth == 0:
            weights.convolution(f"{key}.0", ngf, inputs, 4)
            level(f"{key}.1.model", 1)
            weights.convolution(f"{key}.3", outputs, 2 * ngf, 4, transposed=True, bias=True)
        elif depth == downs - 1:
            weights.convolution(f"{key}.1", inner, outer, 4)
            weights.convolution(f"{key}.3", outer, inner, 4, transposed=True)
            weights.normalisation(f"{key}.4", outer)
        else:
            weights.convolution(f"{key}.1", inner, outer, 4)
            weights.normalisation(f"{key}.2", inner)
            level(f"{key}.3.model", depth + 1)
            weights.convolution(f"{key}.5", outer, 2 * inner, 4, transposed=True)
            weights.normalisation(f"{key}.6", outer)

    level("model.model", 0)
    return weights


def run_unet(weights, x, train=False):
    """Compute ``unet_N``; without dropout. In-place ReLUs there make the skip carry what the next layer took."""

    def level(key, x):
        x = F.leaky_relu(x, 0.2)  # in place there, so that the skip below holds it too
        y = conv(weights, f"{key}.1", x, stride=2, padding=1)
        if f"{key}.5.weight" in weights:
            y = level(f"{key}.3.model", normalise(weights, f"{key}.2", y, train))
            up, norm = f"{key}.5", f"{key}.6"
        else:
            up, norm = f"{key}.3", f"{key}.4"
        y = normalise(weights, norm, deconv(weights, up, F.relu(y)), train)
        return torch.cat([x, y], dim=1)

    y = conv(weights, "model.model.0", x, stride=2, padding=1)
    y = level("model.model.1.model", y)
    return torch.tanh(deconv(weights, "model.model.3", F.relu(y)))
