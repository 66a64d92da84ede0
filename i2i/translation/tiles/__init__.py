"""Images of any size: a network computed tile by tile, with the statistics of the whole image in every norm.

Begin with :mod:`~i2i.translation.tiles.tiling`: its ``Tiling`` is what a translator holds, and it decides whether an
image is divided. The size of a tile is in :mod:`~i2i.translation.tiles.tile_settings`.
:mod:`~i2i.translation.tiles.graph` turns a network into operations on planes, by what
:mod:`~i2i.translation.tiles.traced_operators` says of each; :mod:`~i2i.translation.tiles.passes` decides what is kept
and what is computed again, :mod:`~i2i.translation.tiles.compute` computes;
:mod:`~i2i.translation.tiles.estimate` is the cheaper way whose result is an estimate.

May import ``tensors``, ``environment``, ``plugins`` and, of the room around it, ``translation.kinds``,
``translation.network_runner`` and ``translation.failures``.
"""
