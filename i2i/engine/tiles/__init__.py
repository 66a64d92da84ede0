"""Images of any size: a network computed tile by tile, with the statistics of the whole image in every norm.

:mod:`~i2i.engine.tiles.graph` turns a network into operations on planes, :mod:`~i2i.engine.tiles.plan` decides what is
kept and what is computed again, :mod:`~i2i.engine.tiles.stream` computes; :mod:`~i2i.engine.tiles.estimate` is the
cheaper way whose result is an estimate. :class:`~i2i.engine.tiles.tiling.Tiling` is what a translator holds.
"""
