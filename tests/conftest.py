"""For all tests, before any of them imports torch."""

import os
import signal

# The tensors are small: on cores that are shared with other processes, more threads wait for each other much longer
# than they compute. Processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that starts the tests in the background makes them ignore Ctrl-C, and so every process that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
