"""Training: the loop, and everything that begins it, feeds it, keeps what it reached and ends it.

May import ``evaluation``, ``models``, ``config``, ``plugins``, ``tensors``, ``environment`` and ``files``. Nothing
imports ``training`` but ``api`` and what shows a run's end. Begin with :mod:`~i2i.training.trainer`, which is the loop;
:mod:`~i2i.training.launch` sets it up, :mod:`~i2i.training.keeper` saves.
"""
