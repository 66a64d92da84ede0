"""From images to images: a translator, and translating files, streams and videos with it.

Begin with :mod:`~i2i.translation.translator`, one image from input to output; its batches are run by
:mod:`~i2i.translation.network_runner` or :mod:`~i2i.translation.exported`, of which
:mod:`~i2i.translation.model_loading` makes the one that fits. :mod:`~i2i.translation.plan` decides which files become
which; :mod:`~i2i.translation.image_files`, :mod:`~i2i.translation.image_stream` and :mod:`~i2i.translation.videos`
carry it out, and report to :mod:`~i2i.translation.observer`.

May import ``config``, ``models``, ``tensors``, ``images``, ``plugins`` and ``files``.
"""
