"""Image files: finding, decoding, levels, metadata and writing, the same in training and in use. Imports no torch.

Begin with :mod:`~i2i.images.readers`, the installed formats: reading a file by the one that knows it, and writing. Of
the built-in ones :mod:`~i2i.images.decoding` says which files are refused and why; :mod:`~i2i.images.reading` makes
of a picture the numbers that a network takes. Which files are meant is found by :mod:`~i2i.images.inputs` for names
that a person gives and by :mod:`~i2i.images.finding` below a folder.

May import ``plugins``, ``files.atomic`` and ``environment``.
"""
