"""The command line: one file a command, which asks :mod:`i2i.api` and prints.

Begin with :mod:`~i2i.cli.main`, which finds the commands; options that several commands have are in
:mod:`~i2i.cli.options`, and all of them print through :mod:`~i2i.cli.output`.

May import ``api``, ``serving``, ``benchmarking``, ``diagnosis``, ``plugins``, ``terminal``, ``environment`` and, for
types and for what it shows, ``training``, ``evaluation``, ``exporting``, ``translation``, ``models`` and ``config``.
"""
