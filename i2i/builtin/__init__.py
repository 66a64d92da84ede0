"""The components that come with i2i, behind the same door as a stranger's: nothing imports this room.

May import ``plugins``, ``ops``, ``images``, ``paths`` and ``progress``. Begin with :mod:`~i2i.builtin.plugin`, which
registers them; each kind has a folder, whose ``__init__`` says which there are and with what options.
"""
