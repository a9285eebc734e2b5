"""Tokens of a conversation, read on from where the last reading stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.clients import adapters
from gitcoord.clients.tally import Tally, follow


def claude(id: str, asked: int, said: int) -> dict[str, Any]:
    usage = {
        "input_tokens": asked,
        "output_tokens": said,
        "cache_read_input_tokens": 2,
        "cache_creation_input_tokens": 1,
    }
    return {"type": "assistant", "message": {"id": id, "model": "m", "usage": usage}}


def codex(asked: int, cached: int, said: int) -> dict[str, Any]:
    total = {"input_tokens": asked, "cached_input_tokens": cached, "output_tokens": said}
    info = {"total_token_usage": total}
    return {"type": "event_msg", "payload": {"type": "token_count", "info": info}}


def gemini(id: str, asked: int, said: int) -> dict[str, Any]:
    tokens = {"input": asked, "output": said, "cached": 2, "thoughts": 1}
    return {"type": "gemini", "id": id, "model": "m", "tokens": tokens}


def append(path: Path, *lines: dict[str, Any] | str) -> None:
    with path.open("a", encoding="utf-8") as file:
        for line in lines:
            file.write((line if isinstance(line, str) else json.dumps(line)) + "\n")


def read(path: Path, client: str, tally: Tally | None = None) -> Tally:
    return follow(str(path), tally or Tally(), adapters.counting(client))


def test_an_answer_on_several_lines_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "t"
    append(path, claude("a", 10, 1), claude("a", 10, 5), claude("b", 3, 2))
    counts = read(path, "claude").counts
    assert (counts.requests, counts.input_tokens, counts.output_tokens) == (2, 13, 7)
    assert (counts.cache_read_tokens, counts.cache_write_tokens) == (4, 2)
    assert counts.cost_usd is None


def test_the_cost_is_the_client_s_own_where_it_knows_all_models(tmp_path: Path) -> None:
    path = tmp_path / "t"
    append(path, {"type": "cost-state", "totalCostUSD": 0.5, "hasUnknownModelCost": True})
    assert read(path, "claude").counts.cost_usd is None
    append(path, {"type": "cost-state", "totalCostUSD": 0.25})
    assert read(path, "claude").counts.cost_usd == 0.25


def test_what_the_client_made_up_itself_is_no_request(tmp_path: Path) -> None:
    path = tmp_path / "t"
    line = claude("a", 0, 0)
    line["message"]["model"] = "<synthetic>"
    append(path, line)
    assert read(path, "claude").counts.requests == 0


def test_the_totals_of_codex_replace_one_another(tmp_path: Path) -> None:
    path = tmp_path / "t"
    append(path, codex(100, 20, 5), codex(300, 50, 9), codex(300, 50, 9))
    counts = read(path, "codex").counts
    assert (counts.requests, counts.input_tokens, counts.output_tokens) == (2, 250, 9)
    assert counts.cache_read_tokens == 50


def test_an_answer_of_gemini_counts_as_it_was_written_last(tmp_path: Path) -> None:
    path = tmp_path / "t"
    append(path, gemini("a", 10, 1), gemini("a", 12, 4), {"$set": {"x": 1}}, gemini("b", 2, 1))
    counts = read(path, "gemini").counts
    assert (counts.requests, counts.input_tokens, counts.output_tokens) == (2, 10, 7)


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "t"
    append(path, claude("a", 10, 1), claude("b", 10, 1))
    tally = read(path, "claude")
    path.unlink()
    append(path, claude("c", 5, 1))
    assert read(path, "claude", tally).counts.input_tokens == 5


@pytest.mark.parametrize("client", list(adapters.CLIENTS))
def test_lines_of_other_kinds_and_broken_ones_count_for_nothing(
    tmp_path: Path, client: str
) -> None:
    path = tmp_path / "t"
    empty = {"type": "event_msg", "payload": {"type": "token_count", "info": None}}
    lines = ("", "{", "[]", "7", '{"type": "assistant"}', '{"type": "gemini", "tokens": 3}')
    for line in (*lines, json.dumps(empty)):
        append(path, line)
    assert read(path, client).counts.requests == 0


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 50), st.integers(0, 50))),
       st.lists(st.integers(0, 4000), max_size=5))  # fmt: skip
def test_it_does_not_matter_where_readings_stop(
    tmp_path_factory: pytest.TempPathFactory, answers: list[Any], stops: list[int]
) -> None:
    data = b"".join(json.dumps(claude(*one)).encode() + b"\n" for one in answers)
    path = tmp_path_factory.mktemp("tally") / "t"
    tally = Tally()
    for stop in [*sorted(stops), len(data)]:
        path.write_bytes(data[:stop])
        tally = follow(str(path), tally, adapters.counting("claude"))
    path.write_bytes(data)
    whole = follow(str(path), Tally(), adapters.counting("claude"))
    assert tally.counts == whole.counts
