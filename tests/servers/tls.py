"""A certificate of our own for a test host that speaks https.

Clients trust it through its file (`http.sslCAInfo`, `GIT_SSL_CAINFO`) and nothing else.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    """What a host serves with, and the file by which clients know it."""

    context: ssl.SSLContext
    file: Path


def missing() -> str:
    """Return why none can be made here, "" where one can."""
    return "" if shutil.which("openssl") else "openssl is not installed"


def certificate(home: Path) -> Certificate:
    """Return a new certificate for 127.0.0.1, with its files in `home`."""
    home.mkdir(parents=True, exist_ok=True)
    file, key = home / "certificate.pem", home / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return Certificate(context, file)
