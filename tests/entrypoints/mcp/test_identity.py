"""Who a call comes from: pure, from what the environment, the transport and the call say."""

from __future__ import annotations

import json

import pytest

from gitcoord.domain.names import checked_name
from gitcoord.entrypoints.cli.actor import Client
from gitcoord.entrypoints.mcp.identity import Caller, Identity, identify, plain

CODEX = {"x-codex-turn-metadata": {"session_id": "c-1", "thread_id": "t-1"}}


def test_the_first_that_is_known_counts() -> None:
    environ = {"GITCOORD_SESSION": "s-1/bob", "CLAUDE_CODE_SESSION_ID": "u-1"}
    caller = Caller(meta=CODEX, client="some-client")
    assert identify(caller, environ, "n") == Identity(session="s-1/bob")
    del environ["GITCOORD_SESSION"]
    assert identify(caller, environ, "n") == Identity(client="claude", conversation="u-1")
    assert identify(caller, {}, "n") == Identity(client="codex", conversation="c-1")
    assert identify(Caller(), {"GEMINI_SESSION_ID": "g"}, "n")[1:3] == ("gemini", "g")
    announced = Client("gemini", "g-2")
    assert identify(Caller(client="x"), {}, "n", announced)[1:4] == ("gemini", "g-2", True)
    assert identify(caller, {}, "n", announced).client == "codex"
    assert identify(Caller(client="x"), None, "n", announced).shared is False
    own = identify(Caller(client="some-client"), {}, "n")
    assert (own.client, own.shared, own.session) == ("some-client", False, "")


def test_codex_says_it_as_an_object_or_as_text_and_nonsense_is_nobody() -> None:
    told = {"x-codex-turn-metadata": json.dumps(CODEX["x-codex-turn-metadata"])}
    assert identify(Caller(meta=told), {}, "n") == Identity(client="codex", conversation="c-1")
    nonsense: list[object] = ["{", 7, None, [], {"session_id": 7}, {"session_id": "x" * 500}]
    for said in [*nonsense, {"session_id": "a\nb"}, {"session_id": ""}, {}]:
        assert identify(Caller(meta={"x-codex-turn-metadata": said}), {}, "n").client == "mcp"


def test_a_server_for_many_does_not_ask_its_own_environment() -> None:
    assert identify(Caller(client="x"), None, "n").shared is False
    assert identify(Caller(named="s-7", meta=CODEX), None, "n") == Identity(session="s-7")


def test_own_sessions_differ_by_server_bearer_and_connection() -> None:
    def seen(nonce: str = "n", **known: str) -> str:
        return identify(Caller(**({"client": "x"} | known)), None, nonce).conversation  # type: ignore[arg-type]

    everybody = [
        seen(), seen("other"), seen(bearer="ada"), seen(connection="1"), seen(connection="2"),
        seen(client="y"),
    ]  # fmt: skip
    assert len(set(everybody)) == len(everybody)
    assert seen() == seen()
    # Over stdio there is one client, whatever it calls itself.
    assert identify(Caller(client="x"), {}, "n").key == identify(Caller(client="y"), {}, "n").key
    # A protocol session is one client, whatever it calls itself.
    assert seen(connection="1", client="y") == seen(connection="1")
    # What lets somebody into a protocol session does not stand in the ledger.
    assert "1f0c" not in seen(connection="1f0c")


@pytest.mark.parametrize("name", ["", "\n", "x" * 500, "a<b>", " x ", "ü", "a\x1b[31m", "\ud800"])
def test_what_a_client_calls_itself_becomes_a_name_that_the_rules_accept(name: str) -> None:
    assert checked_name(plain(name), "agent type")
