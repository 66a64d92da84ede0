"""The command line: one file a command, which calls its function in :mod:`i2i.api` and prints what comes back.

Begin with :mod:`~i2i.cli.main`, which finds the commands. How all of them read a command line is in
:mod:`~i2i.cli.commands`, the options that several have in :mod:`~i2i.cli.options`; all of them print through
:mod:`~i2i.cli.output`.

May import ``api``, ``serving``, ``benchmarking``, ``diagnosis``, ``plugins``, ``terminal``, ``environment`` and, for
types and for what it shows, ``training``, ``comparing``, ``evaluation``, ``exporting``, ``translation``, ``models``,
``data_checks`` and ``config``.
"""
