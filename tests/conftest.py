"""For all tests, before any of them imports torch."""

import os
import signal

from hypothesis import settings

# The tensors are small: on cores that are shared with other processes, more threads wait for each other much longer
# than they compute. Processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that starts the tests in the background makes them, and every process that they start, ignore both of these.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGQUIT"):
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)

# What scripts/property-test draws with; everything else draws the same examples every time (pyproject.toml).
settings.register_profile("new-examples", deadline=None, print_blob=True)
