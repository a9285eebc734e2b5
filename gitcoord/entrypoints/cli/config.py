"""`gitcoord config`: every setting, its value and where that comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gitcoord.domain.settings import Settings, unknown
from gitcoord.entrypoints.cli.desk import Desk, command
from gitcoord.entrypoints.settings import (
    LOCAL,
    SHARED,
    Local,
    Setting,
    converted,
    displayed,
    git_key,
    misspelt,
    plain,
    resolve,
)
from gitcoord.errors import InvalidUrl, NotInitialised, UsageError

if TYPE_CHECKING:
    from gitcoord.storage.worktree import Checkout


@click.command(
    epilog="Examples: gitcoord config | gitcoord config agent claude-1 | "
    "gitcoord config --shared lock_ttl 1h"
)
@click.argument("key", required=False)
@click.argument("values", nargs=-1, metavar="[VALUE]...")
@click.option("--shared", is_flag=True, help="Set it in the ledger, for everybody.")
@click.option("--unset", is_flag=True, help="Go back to what holds without it.")
@command
def config(desk: Desk, key: str | None, values: Sequence[str], shared: bool, unset: bool) -> None:
    """Show or change settings.

    Without --shared a VALUE is for this clone only (git config coord.KEY). GITCOORD_KEY in
    the environment and options of commands win over it. A list takes several VALUEs.
    """
    if key is None:
        if unset:
            raise UsageError("name the setting to unset")
        _list(desk, shared)
        return
    if key not in (*LOCAL, *SHARED):
        raise unknown(key, (*SHARED, *LOCAL))
    if unset and values:
        raise UsageError("--unset takes no value")
    if not values and not unset:
        found = next(one for one in settings(desk) if one.key == key)
        desk.show({"setting": found._asdict()}, lambda: words(found.value))
        return
    _check_place(key, shared)
    if shared:
        _change_shared(desk, key, None if unset else _joined(Settings, key, values))
    else:
        _change_here(desk, key, None if unset else _joined(Local, key, values))


def settings(desk: Desk) -> list[Setting]:
    """Return every setting with its value and source, what all share first.

    Without a ledger those are what `init` would begin with.
    """
    from gitcoord.entrypoints.project_file import FILE, seeds

    found = []
    try:
        desk.follow()
        with desk.state() as state:
            agreed, place = state.settings, "ledger"
    except (NotInitialised, InvalidUrl) as none:
        if isinstance(none, InvalidUrl):
            desk.note(f"there is no ledger to ask: {none.message}")
        agreed = msgspec.convert(seeds(desk.repository.worktree), Settings, strict=False)
        place = FILE
    default = Settings()
    for name in SHARED:
        value = getattr(agreed, name)
        source = "default" if value == getattr(default, name) else place
        found.append(Setting(name, value, source, True))
    taste = resolve(desk.repository, desk.environ)
    for name in LOCAL:
        source = taste.sources.get(name, "default")
        value = displayed(name, getattr(taste.values, name))
        found.append(Setting(name, value, source, False))
    return found


def words(value: Any) -> str:
    """Return a value as people write it at the command line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if value < 1e6 else str(int(value))
    if isinstance(value, tuple):
        if any(not isinstance(item, str) or "," in item for item in value):
            return msgspec.json.encode(value).decode()
        return ",".join(value)
    return str(value)


def _list(desk: Desk, shared: bool) -> None:
    from gitcoord.entrypoints.cli.render import table
    from gitcoord.entrypoints.settings import variable

    found = [one for one in settings(desk) if one.shared or not shared]
    for name in misspelt(desk.environ):
        agreed = name in map(variable, SHARED)
        why = "is agreed in the ledger and not set here" if agreed else "is no setting"
        desk.note(f"{name} {why}; it has no effect")
    rows = [(one.key, words(one.value), one.source) for one in found]
    desk.show(
        {"settings": [one._asdict() for one in found]},
        lambda: table(("setting", "value", "from"), rows, ""),
    )


def _check_place(key: str, shared: bool) -> None:
    if shared and key in LOCAL:
        raise UsageError(
            f"{key} is for each clone to choose", hint=f"Run `gitcoord config {key} VALUE`."
        )
    if not shared and key in SHARED:
        raise UsageError(
            f"{key} is agreed by all who use the ledger",
            hint=f"Run `gitcoord config --shared {key} VALUE`.",
        )


def _joined(kind: type[msgspec.Struct], key: str, values: Sequence[str]) -> Any:
    """Return the words of a value as plain data. Raises `InvalidValue` and `UsageError`."""
    if isinstance(getattr(kind(), key), tuple):
        parts = [plain(kind, key, value) for value in values]
        if len(parts) == 1:
            return parts[0]
        return [item for part in parts for item in part]
    if len(values) > 1:
        raise UsageError(f"{key} takes one value")
    return plain(kind, key, values[0])


def _change_shared(desk: Desk, key: str, value: Any) -> None:
    from gitcoord.domain.configure import ChangeSettings, Configured
    from gitcoord.domain.rights import GUARDED
    from gitcoord.entrypoints.cli.facts import person

    wish = ChangeSettings(values={key: value})
    # What agents may do they do not say themselves: then it is the session here that asks.
    answer = desk.do(wish, Configured, acts=key in GUARDED, agent=person(desk))
    now = getattr(answer.settings, key)
    source = "default" if now == getattr(Settings(), key) else "ledger"
    desk.show(
        {"setting": Setting(key, now, source, True)._asdict(), "changed": answer.changed},
        lambda: (
            f"{key} is {words(now)} for everybody"
            if answer.changed
            else f"{key} was {words(now)} already"
        ),
    )


def _change_here(desk: Desk, key: str, value: Any) -> None:
    checkout = desk.checkout
    if value is None:
        # Exit code 5: it was not set.
        checkout.run("config", "--unset-all", git_key(key), accept=(0, 5))
    else:
        checked = converted(Local, key, value, key)
        checkout.run("config", "--replace-all", git_key(key), words(checked))
    _show_here(desk, key, checkout)


def _show_here(desk: Desk, key: str, checkout: Checkout) -> None:
    taste = resolve(checkout.repository, desk.environ)
    now, source = displayed(key, getattr(taste.values, key)), taste.sources.get(key, "default")
    desk.show(
        {"setting": Setting(key, now, source, False)._asdict()},
        f"{key} is {words(now) or 'empty'} (from {source})",
    )
