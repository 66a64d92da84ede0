"""Measuring translators: against true pairs, as sets of images, and on the held-out images of a run.

Begin with :mod:`~i2i.evaluation.measurement`, behind ``i2i evaluate``; training looks through
:mod:`~i2i.evaluation.held_out`. Metrics are components, built in :mod:`~i2i.evaluation.chosen_metrics`;
those of pairs (L1, PSNR, SSIM) are averaged in :mod:`~i2i.evaluation.pairs`, those of sets (FID, KID) gathered in
:mod:`~i2i.evaluation.sets`, each beside what :mod:`~i2i.evaluation.baselines` score. The built-in metrics stand in
:mod:`i2i.builtin.metrics`; how all of them are written is told by :mod:`i2i.models.scores`.

May import ``translation``, ``models``, ``config``, ``plugins``, ``tensors``, ``images.readers``,
``files`` and ``environment``.
"""
