"""The machine and the process: packages, launchers, memory, what ends with what. Imports no torch.

Begin with :mod:`~i2i.environment.packages`, which knows what is installed and how to get what is not;
:mod:`~i2i.environment.launchers` reads what torchrun and others say.

May import nothing.
"""
