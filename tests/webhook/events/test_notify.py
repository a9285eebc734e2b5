"""Notifications: signed, tried again, queued once, and sent by one of several services."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from gitcoord.bootstrap import House
from gitcoord.errors import InvalidUrl, InvalidValue
from gitcoord.ledger.feed import Position
from tests.ledger.houses import acquire, begun, opened, session
from tests.webhook.events.listening import ids, running, threaded, until
from tests.webhook.events.queues import queue
from tests.webhook.events.receiving import Receiver, receiving, status, verified
from webhook.events import notify
from webhook.events.hub import Hub
from webhook.events.item import wish
from webhook.events.notify import Notifier, Target
from webhook.events.outbox import Draft, Load, Outbox
from webhook.events.outside import networks
from webhook.events.signature import signed

SECRET = "a secret of a test"
HERE = networks(["127.0.0.0/8"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "LOOK", 0.02)
    # Hands of a clock that a test moves must not end the claim of one that is just being sent.
    monkeypatch.setattr(notify, "CLAIM", 1e9)


NAMES = ("t", "locks", "all", "slow", "quick")


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Outbox]:
    with queue(str(tmp_path / "service.sqlite"), *NAMES) as found:
        yield found


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def notifying(
    house: House, box: Outbox, *targets: Target, **options: Any
) -> AsyncIterator[Notifier]:
    async with running(house) as hub, anyio.create_task_group() as group:

        async def now() -> Hub:
            return hub

        notifier = Notifier(now, "p", box, **options)
        notifier.tell(targets)
        group.start_soon(notifier.run)
        # Only when it is known from where on, a change is news.
        await until(lambda: box.loads("p").keys() >= {each.name for each in targets})
        await until(lambda: hub.readers)
        yield notifier
        group.cancel_scope.cancel()


def target(receiver: Receiver, name: str = "t", **fields: Any) -> Target:
    return Target(name, receiver.url, SECRET, allowed=HERE)._replace(**fields)


def test_what_happens_is_posted_and_signed_so_that_anybody_can_verify_it(
    repo: str, receiver: Receiver, box: Outbox
) -> None:
    house = begun(repo)
    ada = session(house)
    clock = Hands()

    async def scene() -> None:
        async with notifying(house, box, target(receiver), clock=clock):
            await threaded(acquire, house, ada, "a.py")
            await until(lambda: receiver.got)

    anyio.run(scene)
    (got,) = receiver.got
    assert got.event == "1.3.1"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["webhook-id"] == "p:1.3.1"
    assert got.headers["webhook-timestamp"] == "1700000000"
    assert verified(SECRET.encode(), got)
    assert not verified(b"another secret....", got)
    assert not verified(SECRET.encode(), got._replace(body=got.body + b" "))


def test_the_example_of_the_form_verifies() -> None:
    # From the documentation of the form's reference libraries.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    plain = base64.b64decode(secret.removeprefix("whsec_"))
    assert len(plain) == 24


def test_only_what_a_target_wants_is_sent_to_it(repo: str, receiver: Receiver, box: Outbox) -> None:
    house = begun(repo)
    with receiving() as other:

        async def scene() -> None:
            wanted = target(receiver, "locks", wish=wish("lock.*"))
            async with notifying(house, box, wanted, target(other, "all")):
                ada = await threaded(session, house)
                await threaded(acquire, house, ada, "a.py")
                await until(lambda: len(other.got) == 2 and receiver.got)

        anyio.run(scene)
        assert receiver.events == ["1.3.1"]
        assert sorted(other.events) == ["1.2.1", "1.3.1"]


def test_one_that_is_not_taken_is_sent_again_with_the_same_id_until_it_is(
    repo: str, receiver: Receiver, box: Outbox
) -> None:
    house = begun(repo)
    ada = session(house)
    clock = Hands()
    receiver.answers += [status(500), status(302, Location="http://127.0.0.1:1/"), status(429)]

    async def scene() -> None:
        async with notifying(house, box, target(receiver), clock=clock):
            await threaded(acquire, house, ada, "a.py")
            while box.loads("p")["t"] != Load() or not receiver.got:
                clock.now += 1.0
                await anyio.sleep(0.002)

    anyio.run(scene)
    assert len(receiver.got) == 4
    assert len({each.headers["webhook-id"] for each in receiver.got}) == 1
    assert all(verified(SECRET.encode(), each) for each in receiver.got)
    stamps = [int(each.headers["webhook-timestamp"]) for each in receiver.got]
    pauses = [later - earlier for earlier, later in pairwise(stamps)]
    assert all(pause >= notify.FIRST * 2**n - 1 for n, pause in enumerate(pauses))


def test_the_other_side_may_ask_for_a_longer_pause(
    repo: str, receiver: Receiver, box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = begun(repo)
    ada = session(house)
    clock = Hands()
    receiver.answers.append(status(503, Retry_After="1000"))
    due: list[float] = []
    again = box.again

    def noted(notification: Any, owner: str, at: float, error: str) -> None:
        due.append(at)
        again(notification, owner, at, error)

    monkeypatch.setattr(box, "again", noted)

    async def scene() -> None:
        async with notifying(house, box, target(receiver), clock=clock):
            await threaded(acquire, house, ada, "a.py")
            await until(lambda: due)

    anyio.run(scene)
    assert due == [clock.now + 1000]


@pytest.mark.parametrize(
    ("tries", "answer", "said"),
    [(notify.TRIES, status(500), "it answered 500"), (1, status(410), "wants no notifications")],
)
def test_in_the_end_it_is_given_up_and_kept_with_its_reason(
    repo: str, receiver: Receiver, box: Outbox, tries: int, answer: Any, said: str
) -> None:
    house = begun(repo)
    ada = session(house)
    clock = Hands()
    receiver.answers += [answer] * 100

    async def scene() -> None:
        async with notifying(house, box, target(receiver), clock=clock):
            await threaded(acquire, house, ada, "a.py")
            while not box.given_up("t"):
                clock.now += 2 * notify.LONGEST
                await anyio.sleep(0.01)

    anyio.run(scene)
    assert len(receiver.got) == tries
    (given_up,) = box.given_up("t")
    assert said in given_up.error


def test_a_target_inside_is_refused_and_nothing_is_sent_to_it(
    repo: str, receiver: Receiver, box: Outbox
) -> None:
    house = begun(repo)
    ada = session(house)

    async def scene() -> None:
        async with notifying(house, box, target(receiver, allowed=())):
            await threaded(acquire, house, ada, "a.py")
            await until(lambda: box.given_up("t"))

    anyio.run(scene)
    assert receiver.got == []
    assert "not a public address" in box.given_up("t")[0].error


def test_what_happened_while_no_service_ran_is_sent_after_its_start(
    repo: str, receiver: Receiver, box: Outbox
) -> None:
    house = begun(repo)
    ada = session(house)

    async def scene(name: str, total: int) -> None:
        async with notifying(house, box, target(receiver)):
            await threaded(acquire, house, ada, name)
            await until(lambda: len(receiver.got) == total)
            await until(lambda: box.loads("p")["t"].waiting == 0)

    anyio.run(scene, "a", 1)
    acquire(house, ada, "b")
    acquire(house, ada, "c")
    anyio.run(scene, "d", 4)
    assert sorted(receiver.events) == ids(house)[-4:]


def test_two_services_on_one_queue_send_each_notification_once(
    repo: str, receiver: Receiver, tmp_path: Path
) -> None:
    house, other = begun(repo), opened(repo)
    ada = session(house)
    path = str(tmp_path / "service.sqlite")

    async def scene(one: Outbox, two: Outbox) -> None:
        mine = target(receiver)
        async with notifying(house, one, mine), notifying(other, two, mine):
            for number in range(20):
                await threaded(acquire, house, ada, f"k{number}")
            await until(lambda: len(receiver.got) >= 20)
            await until(lambda: one.loads("p")["t"].waiting == 0)
            # When this has come, whoever is behind has heard of all before it, too.
            await threaded(acquire, house, ada, "last")
            await until(lambda: len(receiver.got) >= 21)

    with queue(path, "t") as one, queue(path) as two:
        anyio.run(scene, one, two)
    assert sorted(receiver.events) == sorted(ids(house)[-21:])


def test_a_target_that_cannot_be_one_is_refused_at_once(box: Outbox) -> None:
    hub: Any = None
    notifier = Notifier(hub, "p", box)
    with pytest.raises(InvalidUrl):
        notifier.tell([Target("t", "file:///etc/passwd", SECRET)])
    with pytest.raises(InvalidValue, match="16 bytes"):
        notifier.tell([Target("t", "https://example.org/", "short")])
    with pytest.raises(InvalidValue, match="base64"):
        notifier.tell([Target("t", "https://example.org/", "whsec_#")])


def test_targets_come_and_go_while_it_runs(repo: str, receiver: Receiver, box: Outbox) -> None:
    house = begun(repo)
    ada = session(house)
    with receiving() as other:

        async def scene() -> None:
            one, two = target(receiver), target(other, "all")
            async with notifying(house, box, one) as notifier:
                await threaded(acquire, house, ada, "a")
                await until(lambda: len(receiver.got) == 1)
                notifier.tell([one, two])
                await until(lambda: "all" in box.loads("p"))
                await threaded(acquire, house, ada, "b")
                await until(lambda: len(receiver.got) == 2 and len(other.got) == 1)
                notifier.tell([two])
                await threaded(acquire, house, ada, "c")
                await until(lambda: len(other.got) == 2)

        anyio.run(scene)
        assert receiver.events == ["1.3.1", "1.4.1"]
        assert sorted(other.events) == ["1.4.1", "1.5.1"]


def test_what_waits_for_a_target_of_another_service_is_left_to_it(
    repo: str, receiver: Receiver, box: Outbox
) -> None:
    house = begun(repo)
    ada = session(house)
    # Another service has been told of this target, and has queued this for it.
    box.begin(["all"], Position(1, 1, 0))
    box.put(["all"], [Draft("all", Position(1, 2, 1), "agent.checkin", "{}")], Position(1, 2, 1))

    async def scene() -> None:
        async with notifying(house, box, target(receiver)):
            await threaded(acquire, house, ada, "a")
            await until(lambda: receiver.got)

    anyio.run(scene)
    assert box.loads("p")["all"] == Load(1)


def test_a_target_that_was_told_of_another_ledger_is_told_of_this_one_behind_a_gap(
    repo: str, receiver: Receiver, box: Outbox
) -> None:
    house = begun(repo)
    ada = session(house)
    box.begin(["t"], Position(1, 500, 2))

    async def scene() -> None:
        async with notifying(house, box, target(receiver, wish=wish("lock.*"))):
            await until(lambda: receiver.got)
            await threaded(acquire, house, ada, "a")
            await until(lambda: len(receiver.got) == 2)

    anyio.run(scene)
    assert [json.loads(each.body)["type"] for each in receiver.got] == ["gap", "lock.acquired"]


def test_an_end_does_not_wait_for_those_who_answer_slowly(
    repo: str, receiver: Receiver, box: Outbox
) -> None:
    import threading

    house = begun(repo)
    ada = session(house)
    gate = threading.Event()
    receiver.answers.append(lambda *_: gate.wait(60))
    clock = Hands()

    async def scene() -> None:
        async with notifying(house, box, target(receiver), clock=clock):
            await threaded(acquire, house, ada, "a")
            await until(lambda: receiver.got)

    try:
        anyio.run(scene)
        assert box.loads("p")["t"] == Load(1, 0, 0, "the service ended meanwhile")
        # It is nobody's now, so that the next service sends it at once.
        assert box.claim(["t"], "next", clock.now, 60.0) is not None
    finally:
        gate.set()


def test_a_chat_is_told_in_words_and_its_signature_is_over_what_was_sent(
    repo: str, receiver: Receiver, box: Outbox
) -> None:
    house = begun(repo)
    ada = session(house)

    async def scene() -> None:
        async with notifying(house, box, target(receiver, format="slack")):
            await threaded(acquire, house, ada, "src/a.py", reason="<!channel> & @all")
            await until(lambda: receiver.got)

    anyio.run(scene)
    (got,) = receiver.got
    said = "[p] ada has locked src/a.py: &lt;!channel&gt; &amp; @\u200ball"
    assert json.loads(got.body) == {"text": said}
    assert verified(SECRET.encode(), got)
    assert got.headers["webhook-id"] == "p:1.3.1"


def test_a_slow_target_keeps_nobody_else_waiting(
    repo: str, receiver: Receiver, box: Outbox
) -> None:
    import threading

    house = begun(repo)
    ada = session(house)
    gate = threading.Event()

    def waits(*_: Any) -> None:
        gate.wait(60)

    receiver.answers += [waits] * 100
    with receiving() as quick:

        async def scene() -> None:
            # As many threads as the slow one keeps busy.
            anyio.to_thread.current_default_thread_limiter().total_tokens = notify.TO_ONE
            targets = (target(receiver, "slow"), target(quick, "quick"))
            async with notifying(house, box, *targets):
                try:
                    for number in range(12):
                        await threaded(acquire, house, ada, f"k{number}")
                    await until(lambda: len(quick.got) == 12)
                finally:
                    gate.set()

        anyio.run(scene)
