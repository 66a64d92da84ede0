"""The private names of torch's loader are there, and a loader without them says what to do."""

import pytest
from torch.utils.data import DataLoader

from i2i.errors import DataError
from i2i.training.loader_private import NAMES, READ_IN, close_pipe, processes_of, require_names, shut_down


@pytest.fixture
def iterator():
    loader = DataLoader(list(range(40)), num_workers=2)
    iterator = iter(loader)
    yield iterator
    iterator._shutdown_workers()


def test_each_name_is_there(iterator):
    require_names(iterator)
    for name in NAMES:
        assert hasattr(iterator, name), f"{name} is gone; it was read in torch {READ_IN}"


def test_the_processes_are_those_that_load(iterator):
    processes = processes_of(iterator)

    assert len(processes) == 2
    assert all(process.is_alive() for process in processes)
    shut_down(iterator)
    assert not any(process.is_alive() for process in processes)


def test_a_closed_pipe_ends_the_wait_for_a_batch_that_never_comes(iterator):
    for process in processes_of(iterator):
        process.kill()
        process.join()
    close_pipe(iterator)

    with pytest.raises((RuntimeError, EOFError, OSError)):
        list(iterator)


def test_a_loader_without_the_names_says_so_and_what_to_do():
    class Later:
        _workers = ()

        def _shutdown_workers(self):
            pass

    with pytest.raises(DataError, match=rf"no _worker_result_queue in Later, .* in torch {READ_IN}; use --workers 0"):
        require_names(Later())
    Later._worker_result_queue = object()
    with pytest.raises(DataError, match=r"_worker_result_queue\._writer"):
        require_names(Later())
