"""A metric for i2i: LPIPS."""
