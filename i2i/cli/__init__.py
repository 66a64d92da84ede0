"""The command line: one file a command, which asks :mod:`i2i.api` and prints.

May import ``api``, ``serving``, ``benchmarking``, ``diagnosis``, ``testing`` and, for types and what it shows, the
rooms below. Begin with :mod:`~i2i.cli.main`; options that several commands have are in :mod:`~i2i.cli.options`.
"""
