"""For all tests, before any of them imports torch."""

import os

# The tensors are small: on cores that are shared with other processes, more threads wait for each other much longer
# than they compute. Processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
