"""Image files: finding, decoding, levels, metadata and writing, the same in training and in use. Imports no torch.

Begin with :mod:`~i2i.images.reading`, from a file to the numbers that a network takes; :mod:`~i2i.images.decoding` says
which files are refused and why, :mod:`~i2i.images.writing` goes the other way. Which files are meant is found by
:mod:`~i2i.images.inputs` for names that a person gives and by :mod:`~i2i.images.finding` below a folder.

May import ``files.atomic`` and ``environment``.
"""
