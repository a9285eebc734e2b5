"""Other clones that land on the same target: what the ledger says of them, and waiting for it.

Where the ledger is local there are none. Nothing rests on it but time: what lands is decided by
the swap alone. Not here: whose turn it is within one clone (`turn`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gitcoord.domain.merges import merge_by
from gitcoord.landing.site import Site
from gitcoord.landing.turn import patiently, verified_elsewhere
from gitcoord.storage.store import Oid


class Others:
    """Waits for other clones, at most until a time of the machine's monotonic clock."""

    def __init__(self, site: Site, until: float) -> None:
        self._site = site
        self._until = until

    def verified(self, at: Oid) -> bool:
        """Wait while another clone verifies what it wants to land on the same tip.

        False: nobody does, or not in time. Else there is another tip now, or what it had did
        not pass.
        """
        if self._site.wire is not None:
            self._site.wire.refresh()
        if not verified_elsewhere(self._site, at):
            return False
        return self._waited(lambda: not verified_elsewhere(self._site, at))

    def landed(self, named: Iterable[str]) -> bool:
        """Wait for another clone that lands some of these entries; say whether it is done."""
        if self._site.wire is None:
            return False
        landing = [one for one in named if self._lands(one)]
        return bool(landing) and self._waited(lambda: not any(map(self._lands, landing)))

    def gave_way(self, id: str) -> bool:
        """Wait until an entry does not land any more; False where that takes too long."""
        return self._waited(lambda: not self._lands(id))

    def _lands(self, id: str) -> bool:
        with self._site.coordinator.ledger.state() as state:
            return merge_by(state, id).status == "merging"

    def _waited(self, done: Callable[[], bool]) -> bool:
        wire = self._site.wire

        def seen() -> bool:
            if wire is not None:
                wire.refresh()
            return done()

        return patiently(seen, self._until)
