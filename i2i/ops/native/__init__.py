"""The native library behind the operators: building it, loading it, saying why it is not there.

Begin with :mod:`~i2i.ops.native.library`, which every operator asks; it takes the kernels of :mod:`~i2i.ops.native.cpu`
and :mod:`~i2i.ops.native.cuda`, which :mod:`~i2i.ops.native.toolchain` compiles and :mod:`~i2i.ops.native.cache` keeps.
The kernels themselves are in ``csrc/``.

May import ``files`` and ``tensors.torch_private``.
"""
