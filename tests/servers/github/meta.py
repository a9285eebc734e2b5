"""What GitHub says of itself."""

from __future__ import annotations

from tests.servers.github.ask import Ask, Said


def overview(ask: Ask) -> Said:
    """GET /meta: hooks come from loopback."""
    here = ["127.0.0.0/8", "::1/128"]
    row = {"verifiable_password_authentication": False, "hooks": here, "web": here, "api": here}
    return Said(200, row | ({"installed_version": "3.19.0"} if ask.github.enterprise else {}))
