"""What this machine and this process are: packages, launchers, memory. Imports no torch.

May import ``errors``. Begin with :mod:`~i2i.environment.packages`.
"""
