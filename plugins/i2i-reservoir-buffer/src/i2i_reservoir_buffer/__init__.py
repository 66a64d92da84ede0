"""A buffer for i2i: a uniform sample of all earlier fakes."""
