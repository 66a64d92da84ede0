"""Measuring translators: against true pairs, as sets of images, and on the held-out images of a run.

Begin with :mod:`~i2i.evaluation.measurement`, behind ``i2i evaluate``; training looks through
:mod:`~i2i.evaluation.held_out`. Metrics of pairs (L1, PSNR, SSIM) are computed in
:mod:`~i2i.evaluation.pairs`, those of sets (FID, KID) in :mod:`~i2i.evaluation.sets`; what a metric is called, and what
is better, stands in :mod:`i2i.models.scores`.

May import ``translation``, ``models``, ``config``, ``plugins``, ``tensors``, ``files`` and ``environment``.
"""
