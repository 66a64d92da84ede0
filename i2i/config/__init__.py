"""From options to components: what a person asked for, resolved, checked and built.

Begin with :mod:`~i2i.config.run_config`, what a configuration is; then :mod:`~i2i.config.resolver`, how it comes about,
and :mod:`~i2i.config.components`, what is built from it. :mod:`~i2i.config.sizes` finds images and networks that do not
go together before training starts.

May import ``plugins`` and ``files``.
"""
