"""The encoder-decoder of the pix2pix paper: a U-Net without skips."""

import torch
from torch import nn

from i2i.builtin.generators.encoder_decoder import EncoderDecoderGenerator
from i2i.builtin.generators.unet import UnetGenerator

from ...helpers.networks import count


def test_the_encoder_decoder_is_a_unet_of_which_only_the_skips_are_missing():
    with torch.device("meta"):
        unet = UnetGenerator(3, 3, downs=8, norm="batch")
        plain = EncoderDecoderGenerator(3, 3, downs=8, norm="batch")
    skipped = 16 * (64 * 3 + 128 * 64 + 256 * 128 + 512 * 256 + 3 * 512 * 512)
    assert count(unet) - count(plain) == skipped


def test_the_skips_carry_detail_that_the_encoder_decoder_loses():
    """Far from a change, the innermost layer alone passes it on; near it, the skips do."""
    torch.manual_seed(0)
    images = torch.rand(1, 1, 16, 16)
    changed = images.clone()
    changed[0, 0, 8, 8] += 1
    unet = UnetGenerator(1, 1, downs=2, base_channels=2, norm="none")
    for parameter in unet.model.model[1].parameters():
        nn.init.zeros_(parameter)
    difference = (unet(images) - unet(changed)).abs()[0, 0]
    assert difference[6:11, 6:11].max() > 0
    assert difference[:4].max() == 0
