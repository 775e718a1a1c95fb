import pytest
import torch

from nnpost.threads import SMALL, threads_for


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("numbers", "threads"), [(SMALL - 1, 1), (SMALL, 2)])
def test_small_batches_take_one_thread_and_the_number_comes_back(numbers, threads):
    def interrupted():
        with threads_for(numbers):
            assert torch.get_num_threads() == threads
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert torch.get_num_threads() == 2
