"""Measuring translators: against true pairs, as sets of images, and on the held-out images of a run.

May import ``translation``, ``models``, ``config``, ``plugins``, ``tensors``, ``environment`` and ``files``. Begin with
:mod:`~i2i.evaluation.measurement`, behind ``i2i evaluate``; training looks through
:mod:`~i2i.evaluation.held_out`.
"""
