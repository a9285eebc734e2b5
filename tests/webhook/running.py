"""The service as a process of its own, on loopback, on a port that is free."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from typing import Any


class Running:
    """The service in a process; `lines` are those of its log."""

    def __init__(self, place: str, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gitcoord", "serve", "--port", "0", *words],
            cwd=place,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.port = 0
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._listening.wait(60)

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as log:
            for line in log:
                self.lines.append(line)
                if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                    self.port = self.port or int(found.group(1))
                    self._listening.set()
        self._listening.set()

    def get(self, path: str, key: str = "") -> tuple[int, Any]:
        return self.ask(path, None, key)

    def ask(self, path: str, body: Any, key: str = "", **headers: str) -> tuple[int, Any]:
        """Send a request, and return status and answer; raises `OSError` where nobody answers."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Authorization": f"Bearer {key}"} if key else {}
        data = None if body is None else json.dumps(body).encode()
        sent |= {} if data is None else {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, sent)
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def end(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(timeout=30)
        self._reader.join(30)
        return self.process.returncode
