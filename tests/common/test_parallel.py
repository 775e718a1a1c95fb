import time

import pytest
import torch

from nnpost.common.parallel import SMALL, SideBySide, cores, kernel_threads, threads_for


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


def test_work_side_by_side_comes_back_in_order_on_one_thread_each():
    every = SideBySide(5)
    assert every(lambda i: (i * i, torch.get_num_threads())) == [(i * i, 1) for i in range(5)]


def test_no_more_work_goes_side_by_side_than_threads_are_allowed(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert (SideBySide(2).workers, SideBySide(8).workers) == (2, 3)


def test_kernels_take_the_threads_that_are_allowed_where_there_is_work(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert cores() == 5
    assert (kernel_threads(199_999), kernel_threads(200_000)) == (1, 5)
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")  # the first is that of the outermost level
    assert cores() == 3
    for nothing in ("", "many", "0"):
        monkeypatch.setenv("OMP_NUM_THREADS", nothing)
        assert cores() >= 1


def test_kernels_take_one_thread_beside_others_and_all_alone(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    every = SideBySide(3)
    every.workers = 2
    assert every(lambda i: kernel_threads(10**9)) == [1, 1, 1]
    assert SideBySide(1)(lambda i: kernel_threads(10**9)) == [4]
    assert kernel_threads(10**9) == 4


def test_work_that_nobody_waits_for_any_more_ends():
    every, rounds = SideBySide(2), []
    every.workers = 2

    def work(i):
        if i == 0:
            raise ValueError("the first one fails")
        while True:
            rounds.append(i)
            every.check()
            time.sleep(0.001)

    with pytest.raises(ValueError, match="the first one"):
        every(work)
    with pytest.raises(KeyboardInterrupt):
        every.check()
