"""Pixel losses for i2i: the Charbonnier distance, alone and with edges."""
