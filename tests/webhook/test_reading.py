"""What is sent beside a body has a bound; a body may come in pieces as small as it likes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain, count, repeat
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from webhook.reading import LIMIT, reader

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
#: More than any bound and what lies in buffers between.
ENOUGH = 8 * 1024 * 1024


async def counted(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the length of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    head = [(b"content-length", str(len(str(size))).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": str(size).encode()})


async def talked(http: Any, pieces: Iterator[bytes]) -> tuple[bytes, int]:
    """Send pieces until there are no more or nobody takes them; what is answered, what was sent."""
    config = uvicorn.Config(counted, http=http, lifespan="off", log_config=None)
    config.load()
    state = ServerState()

    def protocol() -> Any:
        return config.http_protocol_class(config=config, server_state=state, app_state={})  # type: ignore[call-arg]

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    streams = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    sent = 0
    try:
        for piece in pieces:
            streams[1].write(piece)
            sent += len(piece)
            await streams[1].drain()
            await asyncio.sleep(0)
            if sent > ENOUGH or streams[0].at_eof():
                break
        said = await asyncio.wait_for(streams[0].read(1000), 20)
    except ConnectionError:
        said = b"gone"
    finally:
        streams[1].close()
        server.close()
    return said, sent


def fields() -> Iterator[bytes]:
    for number in count():
        yield b"".join(b"x-%d-%d: %s\r\n" % (number, n, b"y" * 200) for n in range(100))


@pytest.mark.parametrize("http", ["h11", reader()], ids=["h11", "installed"])
@pytest.mark.parametrize(
    "pieces",
    [
        lambda: chain([HEAD], fields()),
        lambda: chain([HEAD, b"x: "], repeat(b"y" * 4096)),
        lambda: chain([b"GET /"], repeat(b"y" * 4096)),
        lambda: chain([CHUNKED, b"3\r\nabc\r\n0\r\n"], fields()),
    ],
    ids=["fields", "field", "target", "trailer"],
)
def test_what_is_no_body_and_does_not_end_is_hung_up_on(pieces: Any, http: Any) -> None:
    said, sent = asyncio.run(talked(http, pieces()))
    assert said == b"gone" or said.startswith(b"HTTP/1.1 4")
    assert sent < ENOUGH


def test_a_body_in_pieces_of_a_byte_is_read_to_its_end() -> None:
    size = LIMIT
    chunks = [CHUNKED, *repeat(b"1\r\nx\r\n" * 64, size // 64), b"0\r\n\r\n"]
    said, _ = asyncio.run(talked(reader(), iter(chunks)))
    assert said.endswith(b"\r\n\r\n%d" % size)


def test_requests_on_one_connection_are_not_added_up() -> None:
    one = HEAD + b"Content-Length: 3\r\nx: " + b"y" * 1000 + b"\r\n\r\nabc"
    said, sent = asyncio.run(talked(reader(), repeat(one, 3 * LIMIT // len(one))))
    assert sent > 2 * LIMIT
    assert said.startswith(b"HTTP/1.1 200")
    assert b"400" not in said
