"""Tensors and networks, whatever they are for: scaling, padding, devices, running without a trace.

Begin with :mod:`~i2i.tensors.pixels`, the one scaling between levels and [-1, 1]; :mod:`~i2i.tensors.inference` runs
networks and leaves modes and random numbers as they were.

May import ``images.scaling``.
"""
