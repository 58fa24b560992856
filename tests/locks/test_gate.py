"""The question whether the lock is still held is asked right before a request is sent, behind every queue."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from strange_server import StrangeServer

from reconciler.backend import LockLost
from reconciler.transport import Gate, Transport


def test_a_request_that_waited_behind_another_is_not_sent_when_the_lock_was_lost_meanwhile() -> None:
    lost, second_was_let_in = threading.Event(), threading.Event()
    asked: list[str] = []
    first_is_there, go = threading.Event(), threading.Event()

    def check() -> None:
        asked.append("check")
        if len(asked) == 3:  # twice for the first: when it was asked for, and when it was sent
            second_was_let_in.set()
        if lost.is_set():
            raise LockLost("s3://example-bucket/lock", None)

    with StrangeServer((200, "{}")) as vendor:
        gate = Gate()
        gate.open(check)
        transport = Transport(vendor.endpoint, safe=(), gate=gate, at_once=1)
        answer = vendor.next

        def slow() -> tuple[int, str] | str:
            first_is_there.set()
            go.wait(20)
            return answer()

        vendor.next = slow  # type: ignore[method-assign]  # the vendor thinks for as long as the test wants
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(transport.request, "POST", "/first")
            assert first_is_there.wait(20)
            second = pool.submit(transport.request, "POST", "/second")
            assert second_was_let_in.wait(20)
            lost.set()
            go.set()
            status = first.result().status
            with pytest.raises(LockLost):
                second.result()
        transport.close()

    assert status == 200
    assert vendor.asked == ["POST /first"]
