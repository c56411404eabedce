"""Work that is given away comes back in order, and little is read ahead."""

import threading
from concurrent.futures import ThreadPoolExecutor

import torch

from speechbrain_opensed.evaluation.annotate_jobs import in_order, workers


def test_little_is_read_ahead():
    read, gate = [], threading.Event()

    def items():
        for number in range(50):
            read.append(number)
            yield number

    def work(number):
        if number == 0:
            assert gate.wait(10)
        return -number

    with ThreadPoolExecutor(3) as pool:
        results = in_order(pool, work, items(), ahead=4)
        threading.Timer(0.1, gate.set).start()
        assert next(results) == (0, 0)
        assert read == [0, 1, 2, 3]
        assert list(results) == [(n, -n) for n in range(1, 50)]


def test_threads_share_those_of_torch():
    before = torch.get_num_threads()
    with workers(2, None) as pool:
        each = pool.submit(torch.get_num_threads).result()
    assert each == max(1, before // 2)
    assert torch.get_num_threads() == before
