"""From what a person asked for to the components of a run.

May import ``plugins``, ``files`` and ``paths``. Begin with :mod:`~i2i.config.run_config`, what a configuration is; then
:mod:`~i2i.config.resolver`, how it comes about, and :mod:`~i2i.config.components`, what is built from it.
"""
