"""Checks and timings of ``i2i bench``: fused kernels against float64, then beside PyTorch eager and other runtimes.

Begin with :mod:`~i2i.benchmarking.cases`, what is measured; :mod:`~i2i.benchmarking.runner` checks and times it,
:mod:`~i2i.benchmarking.report` keeps the numbers. This module imports no torch.

May import ``training`` (for the step that is trained), ``config``, ``plugins``, ``ops``, ``tensors`` and
``environment``.
"""
