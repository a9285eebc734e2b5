"""The service under load: many clients at once, in front of a git host far away.

Clients are coroutines of one process that speak HTTP over kept-alive connections; the service and
the host are processes of their own. Each contested key is watched: two clients that hold it at the
same time would make the row fail.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from statistics import median
from typing import Any, NamedTuple

import psutil

from bench.hosted import FAR, Decider, hosting
from bench.ratio import Measured, Row, Target, Wrong, milliseconds, percentile
from bench.scratch import FULL, Scratch

#: Clients at once, and streams that are open beside many tasks.
CLIENTS = STREAMS = 200
#: Open tasks in the ledger whose service's memory is measured.
TASKS = 10_000
#: Keys that several clients want.
CONTESTED = 20


class Server(NamedTuple):
    """A service in a process of its own."""

    process: subprocess.Popen[str]
    port: int
    key: str
    #: Seconds from its start until it answered.
    seconds: float


@contextmanager
def serving(scratch: Scratch, path: str) -> Iterator[Server]:
    """Run a service beside the repository for as long as the block runs."""
    import_module("starlette")  # It says what is missing better than a service that ends at once.
    words = (sys.executable, "-m", "gitcoord", "serve")
    add = [*words, "key", "add", "--name", "bench", "--scope", "admin", "--json"]
    made = subprocess.run(add, cwd=path, env=scratch.environ, capture_output=True, check=True)
    key = json.loads(made.stdout)["key"]["secret"]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*words, "--port", "0", "--rate", "100000000"],
        cwd=path,
        env=scratch.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        if "http://" not in line:
            raise Wrong(f"the service does not start: {line}{process.stderr.read()}")
        port = int(line.rpartition(":")[2])
        # Nobody reads its log, and it must not wait for somebody who does.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        asyncio.run(_healthy(port))
        yield Server(process, port, key, time.perf_counter() - begun)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Client:
    """One connection that is kept."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key
        self.token = ""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send one request and return status and answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        data = json.dumps(body or {}).encode()
        session = f"Gitcoord-Session: {self.token}\r\n" if self.token else ""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._key}\r\n"
            f"{session}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        await writer.drain()
        said = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        size = int(said.partition("content-length: ")[2].partition("\r\n")[0])
        return int(said.split(" ", 2)[1]), json.loads(await reader.readexactly(size) or b"null")

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()


class Load(NamedTuple):
    """What many clients did in a while."""

    operations: int
    refused: int
    seconds: float
    took: list[float]
    pushes: int
    #: Seconds of single decisions at the host by a process that is alone.
    alone: list[float]
    #: Processors that the service, its git included, and the clients were busy with.
    served: float
    asked: float


@cache
def _loads(scratch: Scratch) -> list[Load]:
    return [_load(scratch) for _ in range(scratch.volume.turns)]


def _load(scratch: Scratch) -> Load:
    clients = CLIENTS if scratch.volume.seconds >= FULL.seconds else 20
    with hosting(scratch) as hosted:
        hosted.host.set(latency=FAR)
        place = hosted.ledger("service")
        house = place.house()
        try:
            decider = Decider(place, house)
            decider.decide()
            alone = [decider.decide() for _ in range(scratch.volume.pairs)]
        finally:
            house.close()
        with serving(scratch, place.path) as server:
            crowd = _Crowd(server, clients)
            asyncio.run(crowd.check_in())
            hosted.host.requests(clear=True)
            begun, busy, ours = time.perf_counter(), _busy(server), time.process_time()
            asyncio.run(crowd.work(scratch.volume.seconds * 2))
            seconds = time.perf_counter() - begun
            served, asked = _busy(server) - busy, time.process_time() - ours
            made = hosted.host.requests()
    pushes = sum(
        one["method"] == "POST" and one["path"].endswith("git-receive-pack") for one in made
    )
    if crowd.wrong:
        raise Wrong("; ".join(crowd.wrong[:5]))
    return Load(
        len(crowd.took),
        crowd.refused,
        seconds,
        crowd.took,
        pushes,
        alone,
        served / seconds,
        asked / seconds,
    )


def _busy(server: Server) -> float:
    """Return the seconds of processor that a service and its children that ended have used."""
    spent = psutil.Process(server.process.pid).cpu_times()
    return float(sum(spent[:4]))


class _Crowd:
    """Clients that acquire, renew, release and claim, and what they saw."""

    def __init__(self, server: Server, clients: int) -> None:
        self._server = server
        self._tokens = [""] * clients
        self.took: list[float] = []
        self.refused = 0
        self.wrong: list[str] = []
        self._holders: dict[str, int] = {}
        self._claims: Counter[str] = Counter()

    async def check_in(self) -> None:
        """Check all clients in, and give them tasks to claim."""
        await asyncio.gather(*(self._begin(number) for number in range(len(self._tokens))))
        client = Client(self._server.port, self._server.key)
        tasks = [{"id": f"t-{n}", "title": f"Task {n}"} for n in range(5 * len(self._tokens))]
        status, _ = await client.ask("POST", "/api/v1/tasks", {"tasks": tasks})
        if status != 201:
            self.wrong.append(f"tasks were not added: {status}")
        client.close()

    async def work(self, seconds: float) -> None:
        """Let all work for so many seconds."""
        end = time.perf_counter() + seconds
        await asyncio.gather(*(self._agent(n, end) for n in range(len(self._tokens))))

    async def _begin(self, number: int) -> None:
        client = Client(self._server.port, self._server.key)
        status, body = await client.ask("POST", "/api/v1/sessions", {"agent": f"a{number}"})
        if status != 201:
            self.wrong.append(f"check-in was refused: {status}")
        self._tokens[number] = body.get("session_token", "")
        client.close()

    async def _agent(self, number: int, end: float) -> None:
        client = Client(self._server.port, self._server.key)
        client.token = self._tokens[number]
        turn = 0
        while time.perf_counter() < end:
            turn += 1
            own, shared = f"own/{number}/{turn}", f"shared/{(number + turn) % CONTESTED}"
            await self._one(client, "/api/v1/locks", {"keys": [own]})
            if await self._one(client, "/api/v1/locks", {"keys": [shared]}):
                if (other := self._holders.get(shared)) is not None:
                    self.wrong.append(f"{shared} was granted to {number} and {other}")
                self._holders[shared] = number
                await self._one(client, "/api/v1/locks/renew", {"keys": [shared]})
                del self._holders[shared]
                await self._one(client, "/api/v1/locks/release", {"keys": [shared]})
            if turn % 3 == 1:
                await self._claim(client)
            await self._one(client, "/api/v1/locks/release", {"keys": [own]})
        client.close()

    async def _claim(self, client: Client) -> None:
        body = await self._one(client, "/api/v1/tasks/next", {})
        if body and body["task"] is not None:
            self._claims[body["task"]["id"]] += 1
            if self._claims[body["task"]["id"]] > 1 and not body["renewed"]:
                self.wrong.append(f"{body['task']['id']} was claimed twice")
            move = {"move": "complete", "result": "done"}
            await self._one(client, f"/api/v1/tasks/{body['task']['id']}/move", move)

    async def _one(self, client: Client, path: str, body: Any) -> Any:
        begun = time.perf_counter()
        status, answer = await client.ask("POST", path, body)
        self.took.append(time.perf_counter() - begun)
        if status == 409:
            self.refused += 1
            return None
        if status != 200:
            self.wrong.append(f"{path}: {status} {answer}")
            return None
        return answer


def _batch(scratch: Scratch) -> Measured:
    loads = _loads(scratch)
    each = [load.operations / max(1, load.pushes) for load in loads]
    operations, seconds = (sum(load[at] for load in loads) for at in (0, 2))
    detail = (
        f"{operations} operations ({sum(load.refused for load in loads)} refused) in "
        f"{seconds:.1f} s: {operations / seconds:.0f} a second, "
        f"{sum(load.pushes for load in loads)} pushes; the service kept "
        f"{median(load.served for load in loads):.2f} processors busy, the clients "
        f"{median(load.asked for load in loads):.2f}"
    )
    return Measured(median(each), min(each), max(each), detail)


def _slowest(scratch: Scratch) -> Measured:
    loads = _loads(scratch)
    took = [one for load in loads for one in load.took]
    trip, last = median(one for load in loads for one in load.alone), percentile(took, 0.99)
    each = [percentile(load.took, 0.99) / trip for load in loads]
    detail = (
        f"p50 {milliseconds(median(took))}, p99 {milliseconds(last)}; a process that is alone "
        f"decides in {milliseconds(trip)}, {milliseconds(FAR)} of which were added"
    )
    return Measured(last / trip, min(each), max(each), detail)


def _start(scratch: Scratch) -> Measured:
    path = _ledger(scratch, 100)
    found = []
    for _ in range(min(5, scratch.volume.starts)):
        with serving(scratch, path) as server:
            found.append(server.seconds)
    return Measured(median(found), min(found), max(found), "until /health answers")


def _memory(scratch: Scratch) -> Measured:
    tasks = TASKS if scratch.volume.tasks >= TASKS else 100
    with serving(scratch, _ledger(scratch, tasks)) as server:
        return asyncio.run(_watched(server, tasks))


async def _watched(server: Server, tasks: int) -> Measured:
    """Open the streams, look at the tasks, and see what the process holds."""
    streams = [await _stream(server) for _ in range(STREAMS)]
    client = Client(server.port, server.key)
    for path in ("/api/v1/tasks?limit=500", "/api/v1/sessions", "/api/v1/status"):
        status, _ = await client.ask("GET", path)
        if status != 200:
            raise Wrong(f"{path}: {status}")
    await client.ask("POST", "/api/v1/sessions", {"agent": "ada"})
    for reader, _ in streams:
        line = b""
        while b"agent.checkin" not in line:
            line = await asyncio.wait_for(reader.readline(), 30)
    size = psutil.Process(server.process.pid).memory_info().rss / 1e6
    client.close()
    for _, writer in streams:
        writer.close()
    return Measured(size, size, size, f"{tasks} open tasks, {STREAMS} streams")


async def _stream(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"GET /api/v1/events HTTP/1.1\r\nHost: bench\r\n"
        + f"Authorization: Bearer {server.key}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head:
        raise Wrong(f"no stream: {head[:200]!r}")
    return reader, writer


@cache
def _ledger(scratch: Scratch, tasks: int) -> str:
    from bench.scratch import Place
    from gitcoord.domain.configure import Begin
    from gitcoord.domain.new_tasks import AddTasks, NewTask

    path = scratch.repository(f"served-{tasks}")
    house = Place(path, "", scratch.environ).house()
    try:
        house.coordinator.begin(Begin(), agent="bench")
        for first in range(0, tasks, 500):
            new = tuple(
                NewTask(id=f"t-{n}", title=f"Task {n}", keys=(f"src/{n}.py",))
                for n in range(first, min(tasks, first + 500))
            )
            (reply,) = house.coordinator.run(AddTasks(tasks=new), agent="bench")
            if reply.error is not None:
                raise Wrong(str(reply.error))
    finally:
        house.close()
    return path


async def _healthy(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: bench\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    if b" 200 " not in head:
        raise Wrong(f"the service is not well: {head[:200]!r}")


ROWS: tuple[Row, ...] = (
    Row(
        "service-batch",
        f"{CLIENTS} clients acquire, renew, release and claim at one service, host 50 ms away: "
        "operations for each push",
        Target(20, least=True),
        "one push for each",
        _batch,
        unit="",
    ),
    Row(
        "service-slowest",
        "the same: p99 of an operation, in decisions of a process that is alone at that host",
        Target(10),
        "one decision, alone",
        _slowest,
        cost="whoever comes just after a round has begun waits for it and for the next; one "
        "interpreter reads, decides and answers for all 200, on processors that it shares with "
        "them, the host and the packing",
    ),
    Row(
        "service-start",
        "the service starts until it answers",
        Target(2),
        "-",
        _start,
        unit="s",
    ),
    Row(
        "service-memory",
        f"resident memory with {TASKS:,} open tasks and {STREAMS} event streams",
        Target(120),
        "-",
        _memory,
        unit="MB",
    ),
)
