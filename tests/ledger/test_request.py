"""Requests and replies travel unchanged."""

from __future__ import annotations

from gitcoord.domain.configure import ChangeSettings, Configured
from gitcoord.domain.settings import Settings
from gitcoord.errors import LockHeld
from gitcoord.ledger.request import Reply, Request, fresh_id

WISH = ChangeSettings(values={"lock_ttl": 60})


def test_ids_are_long_enough_and_differ() -> None:
    made = {fresh_id("s-") for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(one) == 12 for one in made)


def test_a_request_survives_its_plain_form() -> None:
    request = Request([WISH, WISH], session="s-1/sub", agent="ada", id="o-1", deadline=5.5)
    again = Request.unpacked(request.packed())
    assert again.packed() == request.packed()
    assert again.digest() == request.digest()


def test_digests_tell_apart_who_asks_and_what() -> None:
    base = Request([WISH], session="s-1").digest()
    assert Request([WISH], session="s-2").digest() != base
    assert Request([ChangeSettings(values={"lock_ttl": 61})], session="s-1").digest() != base
    assert Request([WISH], session="s-1", id="o-2", deadline=1).digest() == base


def test_answers_and_refusals_survive_their_plain_form() -> None:
    request = Request([WISH])
    answer = Configured(settings=Settings(lock_ttl=60), changed={"lock_ttl": 60})
    again = Reply.unpacked(Reply([answer], repeated=True).packed(), request)
    assert again.answers == (answer,)
    assert again.repeated
    refusal = LockHeld("no", hint="wait", conflicts=[{"key": "a"}])
    back = Reply.unpacked(Reply(error=refusal).packed(), request).error
    assert isinstance(back, LockHeld)
    assert back.as_dict() == refusal.as_dict()
