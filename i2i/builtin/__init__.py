"""The components that come with i2i: networks, losses, methods, data sets, metrics and all the other kinds.

They stand behind the same door as anybody's: nothing imports this room, the plugin manager finds it; only ``testing``
borrows its example of a folder. Begin with :mod:`~i2i.builtin.plugin`, which registers them. Each kind has a folder:
its ``__init__`` holds names, options and specs without torch, the files beside it the torch code.
:mod:`~i2i.builtin.methods.cyclegan` is a whole training step.

May import ``plugins``, ``ops``, ``images``, ``tensors``, ``evaluation.feature_networks``, ``files``,
``environment``, to say which package a component lacks, and, for the formats of exported files, ``exporting`` and
``models``.
"""
