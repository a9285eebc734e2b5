"""Messages against a model of letters and ears: who is told what, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gitcoord.domain.mailbox import Message, receipt_of
from gitcoord.domain.messages import (
    AckMessages,
    ReceiveMessages,
    SendMessage,
    inbox,
    sent,
    status_of,
    unread,
)
from gitcoord.domain.sessions import Session
from gitcoord.errors import MessageNotFound, RecipientNotFound
from tests.domain.world import World

LIFE = 50.0
NAMES = ("ann", "bob", "cyd", "dan")


@dataclass
class Letter:
    id: str
    sender: str
    to: str
    at: float
    needs_ack: bool
    #: How far it has come with whom: 1 delivered, 2 read, 3 acknowledged.
    heard: dict[str, int] = field(default_factory=dict)

    def is_for(self, name: str) -> bool:
        return self.to == name if self.to else self.sender != name


WORDS = ("unknown", "delivered", "read", "acknowledged")
people = st.sampled_from(NAMES)


class Letters(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.world = World(messages_kept=LIFE)
        self.now = 0.0
        self.live: list[str] = []
        self.letters: dict[str, Letter] = {}
        self.told: set[tuple[str, str]] = set()
        for name in NAMES[:3]:
            self.check_in(name)

    def check_in(self, name: str) -> None:
        if name not in self.live:
            self.world.session(f"s-{name}")
            self.live.append(name)

    def run_it(self, wish: Any, name: str, part: str = "") -> Any:
        (outcome,) = self.world.run_together((wish, f"s-{name}{part}"))
        return outcome

    @rule(name=people)
    def come(self, name: str) -> None:
        self.check_in(name)

    @rule(
        name=people, to=st.sampled_from(["", *NAMES]), needs_ack=st.booleans(),
        part=st.sampled_from(["", "/sub"]),
    )  # fmt: skip
    def send(self, name: str, to: str, needs_ack: bool, part: str) -> None:
        if name not in self.live or name == to:
            return
        id = f"m-{len(self.letters):03d}"
        wish = SendMessage(id=id, text=f"for {to}", to=to, needs_ack=needs_ack)
        outcome = self.run_it(wish, name, part)
        if to and to not in self.live:
            assert type(outcome) is RecipientNotFound
            return
        self.letters[id] = Letter(id, name, to, self.now, needs_ack)
        for old in [x for x in self.letters.values() if x.at < self.now - LIFE]:
            # It is trimmed, and forgotten here too.
            self.letters[old.id].at = -10 * LIFE

    def kept(self) -> list[Letter]:
        return [x for x in self.letters.values() if x.at >= 0]

    @rule(name=people, part=st.sampled_from(["", "/sub"]))
    def be_told(self, name: str, part: str) -> None:
        """Ask what is new, as a hook does, show it and note that."""
        if name not in self.live:
            return
        found = unread(self.world.state(), f"s-{name}{part}", self.world.now)
        for message in found:
            assert (name, message.id) not in self.told, "told twice as new"
            self.told.add((name, message.id))
        expected = {
            x.id
            for x in self.kept()
            if x.is_for(name) and not x.heard.get(name) and self.now - x.at < LIFE
        }
        assert {message.id for message in found} == expected
        self.hear(name, sorted(expected), 1, part)

    @rule(name=people, limit=st.integers(1, 3))
    def read(self, name: str, limit: int) -> None:
        if name not in self.live:
            return
        found = inbox(self.world.state(), f"s-{name}", limit=limit)
        expected = {
            x.id
            for x in self.kept()
            if x.is_for(name) and x.heard.get(name, 0) < (3 if x.needs_ack else 2)
        }
        assert {message.id for message in found} <= expected
        assert len(found) == min(limit, len(expected))
        self.told |= {(name, message.id) for message in found}
        self.hear(name, [message.id for message in found], 2)

    @rule(name=people, number=st.integers(0, 7), level=st.sampled_from([1, 2]))
    def hear_of_any(self, name: str, number: int, level: int) -> None:
        """Note a late, repeated or stray receipt."""
        if name in self.live:
            id = self.some(number)
            letter = self.letters.get(id)
            self.hear(name, [id], level)
            if letter is not None and letter.is_for(name):
                self.told.add((name, id))

    def some(self, number: int) -> str:
        """Return the id of a letter, newest first, or of one that there never was."""
        return f"m-{len(self.letters) - 1 - number if number < len(self.letters) else 999:03d}"

    def hear(self, name: str, ids: list[str], level: int, part: str = "") -> None:
        wish = ReceiveMessages(ids=tuple(ids), state="read" if level == 2 else "delivered")
        noted = self.run_it(wish, name, part).noted
        expected = []
        for id in ids:
            letter = self.letters.get(id)
            if letter in self.kept() and letter.is_for(name) and letter.heard.get(name, 0) < level:
                letter.heard[name] = level
                expected.append(id)
        assert noted == expected

    @rule(name=people, number=st.integers(0, 7))
    def acknowledge(self, name: str, number: int) -> None:
        if name not in self.live:
            return
        id = self.some(number)
        letter = self.letters.get(id)
        outcome = self.run_it(AckMessages(ids=(id,)), name)
        if letter in self.kept() and letter.is_for(name):
            letter.heard[name] = 3
            self.told.add((name, letter.id))
            assert status_of(outcome.messages[0], f"s-{name}") == "acknowledged"
        else:
            assert type(outcome) is MessageNotFound

    @rule(seconds=st.sampled_from([1, 20, 50]))
    def pass_time(self, seconds: int) -> None:
        self.world.pass_time(seconds)
        self.now += seconds

    @invariant()
    def everybody_sees_only_what_is_for_them_or_from_them(self) -> None:
        state = self.world.state()
        for session in state.find(Session, "live"):
            name = session.agent
            everything = inbox(state, session.id, include_read=True, limit=1000)
            expected = {x.id for x in self.kept() if x.is_for(name)}
            assert {message.id for message in everything} == expected
            own = {message.id for message in sent(state, session.id, limit=1000)}
            assert own == {x.id for x in self.kept() if x.sender == name}

    @invariant()
    def what_is_known_is_what_was_heard(self) -> None:
        stored = [*self.world.all(Message), *self.world.all(Message, archived=True)]
        assert {message.id for message in stored} == {x.id for x in self.kept()}
        for message in stored:
            letter = self.letters[message.id]
            for name in NAMES:
                word = WORDS[letter.heard.get(name, 0)]
                assert status_of(message, f"s-{name}") == word
                receipt = receipt_of(message, f"s-{name}")
                assert bool(receipt.read_at) == (word in WORDS[2:])

    @invariant()
    def the_invariants_of_every_state_hold(self) -> None:
        self.world.check()


TestLetters = Letters.TestCase
TestLetters.settings = hypothesis_settings(max_examples=40, stateful_step_count=40, deadline=None)
