"""From images to images: a translator, and translating files, streams and videos with it.

May import ``models``, ``tensors``, ``images``, ``plugins`` (calls), ``environment`` and ``files``. Begin with
:mod:`~i2i.translation.translator`; what is to be translated into what is decided in :mod:`~i2i.translation.plan`.
"""
