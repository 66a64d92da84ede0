"""Images from files and back, in training and in use: decoding, levels, metadata, writing. Imports no torch.

May import ``errors``, ``paths``, ``progress`` and ``environment``. Begin with :mod:`~i2i.images.reading`; which files
are meant is found by :mod:`~i2i.images.finding`, and :mod:`i2i.images.video` does the same for videos.
"""
