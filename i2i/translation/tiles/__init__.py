"""Images of any size: a network computed tile by tile, with the statistics of the whole image in every norm.

``graph`` turns a network into operations on planes, ``passes`` decides what is kept and what is computed again,
``compute`` computes; ``estimate`` is the cheaper way whose result is an estimate. Begin with
:mod:`~i2i.translation.tiles.tiling`: its ``Tiling`` is what a translator holds. May import what its room may.
"""
