"""Contract tests for plugin authors: does a component keep the promises that training relies on?

In a plugin's own tests::

    from i2i.testing import check_generator
    from my_package import SPEC

    def test_contract():
        check_generator(SPEC)

Each ``check_<kind>`` raises ``AssertionError`` that lists every promise broken; :func:`check_component` returns the
results one by one and never raises. ``i2i plugins check`` prints the same.

The checks run on the CPU, on tiny images, with the component's default options, except that an option called
``base_channels`` is lowered to 8 (the first result says so). Give ``options`` to check another setting. The caller's
random state is left as it was. A generator is exported as well by ``i2i plugins check``, and here if ``export_seconds``
says how long that may take. The command also uses each component in a short run, which is resumed, translates and is
measured: :mod:`~i2i.testing.in_use`.

:data:`SMALL_RUN` and :func:`write_pairs` are settings and pictures for a run of your own tests that takes seconds.

Begin with :mod:`~i2i.testing.component`; what is asked of each kind of component is in the file of that kind.

May import ``plugins``, ``builtin``, ``config``, ``images``, ``models``, ``translation``, ``exporting``, ``evaluation``,
``training`` and ``terminal``.
"""

from i2i.testing.component import (
    check_augmentation,
    check_buffer,
    check_command,
    check_component,
    check_dataset,
    check_discriminator,
    check_exporter,
    check_generator,
    check_loss,
    check_method,
    check_metric,
    check_observer,
    check_optimizer,
    check_reader,
)
from i2i.testing.results import CheckResult
from i2i.testing.small_runs import SMALL_RUN, write_pairs

__all__ = [
    "SMALL_RUN",
    "CheckResult",
    "check_augmentation",
    "check_buffer",
    "check_command",
    "check_component",
    "check_dataset",
    "check_discriminator",
    "check_exporter",
    "check_generator",
    "check_loss",
    "check_method",
    "check_metric",
    "check_observer",
    "check_optimizer",
    "check_reader",
    "write_pairs",
]
