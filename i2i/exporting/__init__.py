"""Writing a translator as a file that runs without i2i, and only if it gives the same images.

May import ``translation``, ``models``, ``config``, ``plugins``, ``tensors`` and ``environment``. Begin with
:mod:`~i2i.exporting.exporter`.
"""
