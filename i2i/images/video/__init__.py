"""Video files, through PyAV: upright RGB frames with their times, other streams untouched.

May import what :mod:`i2i.images` may. Begin with :mod:`~i2i.images.video.frames`.
"""
