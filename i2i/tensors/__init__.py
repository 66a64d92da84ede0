"""What is done with tensors and networks whatever they are for: scaling, padding, devices, running without a trace.

May import ``errors``. Begin with :mod:`~i2i.tensors.pixels`, the one scaling between levels and [-1, 1].
"""
