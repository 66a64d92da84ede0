"""Video files, through PyAV: upright RGB frames with their times, other streams untouched. Imports no torch.

Begin with :mod:`~i2i.images.video.frames`, which reads and writes; :mod:`~i2i.images.video.streams` says what is
carried over besides the pictures.

May import ``environment`` and, of the room around it, ``images.inputs``.
"""
