"""Files that run without i2i: written from a translator, and only if they give the same images.

Begin with :mod:`~i2i.exporting.exporter`, every step of an export; :mod:`~i2i.exporting.formats` knows the installed
formats by the suffixes of their files, :mod:`~i2i.exporting.image_to_image` is the module that is traced,
:mod:`~i2i.exporting.comparison` runs the result.

May import ``translation``, ``models``, ``config``, ``plugins``, ``tensors``, ``files`` and ``environment``.
"""
