"""A generator for i2i: a U-Net whose skip connections pass attention gates."""
