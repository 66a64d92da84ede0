"""Building, loading and describing the native library behind the operators.

May import ``errors``. Begin with :mod:`~i2i.ops.native.library`, which every operator asks; it takes the kernels of
:mod:`~i2i.ops.native.cpu` and :mod:`~i2i.ops.native.cuda`.
"""
