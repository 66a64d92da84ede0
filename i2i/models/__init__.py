"""Trained generators on the disk: checkpoints, official files, exported files, those that ship with i2i.

Begin with :mod:`~i2i.models.find`, which finds out what a person's MODEL is; :mod:`~i2i.models.generator` builds its
network, and :mod:`~i2i.models.info` is the record of it. :mod:`~i2i.models.checkpoint` is the format of a checkpoint
folder, :mod:`~i2i.models.state` how nested state becomes tensors and JSON. :mod:`~i2i.models.scores` is the table of
metrics, and what ``best`` is judged by; :mod:`~i2i.models.recorded_components` which packages and plugin files a run
was made with.

May import ``config``, ``plugins``, ``tensors``, ``images``, ``files`` and ``environment``.
"""
