"""A process that asks for one change under a given operation id and prints what it was told."""

from __future__ import annotations

import json
import os
import sys

from gitcoord.bootstrap import open_house
from gitcoord.domain.configure import ChangeSettings


def main(repo: str, name: str) -> None:
    """Ask, and print the reply."""
    house = open_house(repo, os.environ)
    wish = ChangeSettings(values={"namespaces": [f"n{name.removeprefix('o-')}"]})
    reply = house.coordinator.run(wish, id=name)[0]
    error = None if reply.error is None else reply.error.code
    print(json.dumps({"error": error, "repeated": reply.repeated}))
    house.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])
