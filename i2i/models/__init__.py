"""Trained generators on the disk: checkpoints, official files, exported files, those that ship with i2i.

May import ``config``, ``plugins``, ``tensors``, ``images`` (limits) and ``files``. Begin with :mod:`~i2i.models.model`,
which finds out what a person's MODEL is.
"""
