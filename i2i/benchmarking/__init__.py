"""``i2i bench``: checks the fused kernels against float64, then times them beside PyTorch eager and its rivals.

Import :mod:`i2i.benchmarking.runner` for the run, :mod:`i2i.benchmarking.cases` for what is measured. This module
imports no torch.
"""
