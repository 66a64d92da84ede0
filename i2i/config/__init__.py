"""From options to components: what a person asked for, resolved, checked and built.

Begin with :mod:`~i2i.config.run_config`, what a configuration is, and :mod:`~i2i.config.sections`, its parts;
:mod:`~i2i.config.layers` reads what somebody gave, :mod:`~i2i.config.resolver` makes the configuration of it.
:mod:`~i2i.config.components` builds one component that was chosen, :mod:`~i2i.config.method_building` a method with
all that it trains, :mod:`~i2i.config.augmenting` what stands before its discriminators, and
:mod:`~i2i.config.dataset_opening` opens the data. :mod:`~i2i.config.sizes` finds images and
networks that do not fit each other before training starts.

May import ``plugins``, ``files`` and ``images.readers``.
"""
