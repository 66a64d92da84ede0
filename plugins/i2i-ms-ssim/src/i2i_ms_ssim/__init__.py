"""A metric for i2i: structural similarity at five scales."""
