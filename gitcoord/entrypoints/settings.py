"""Taste of one clone or shell, and where every setting comes from.

From the weakest to the strongest: default, `.gitcoord.yaml`, `git config coord.*`,
`GITCOORD_*`; an option of a command wins over all. What everybody must agree on is
in the ledger instead and cannot be set here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, NoReturn

import msgspec

from gitcoord.domain.record import Seconds
from gitcoord.domain.settings import Settings, unknown
from gitcoord.domain.time import parse_duration
from gitcoord.errors import InvalidConfig, InvalidValue, UnknownSetting
from gitcoord.storage.gitproc import Git

if TYPE_CHECKING:
    from gitcoord.storage.repository import Repository

#: Environment variables of gitcoord that are no settings.
OTHER_VARIABLES = frozenset(
    {
        "GITCOORD_BYPASS",
        "GITCOORD_GITHUB_API_URL",
        "GITCOORD_GITHUB_APP_ID",
        "GITCOORD_GITHUB_APP_KEY",
        "GITCOORD_GITHUB_INSTALLATION",
        "GITCOORD_GITHUB_PAUSE",
        "GITCOORD_GITHUB_TOKEN",
        "GITCOORD_MCP_TOKEN",
        "GITCOORD_SESSION",
        "GITCOORD_WEBHOOK_SECRET",
    }
)


#: Keys of the git configuration that only the repository's own file has a say in.
OWN_KEYS = frozenset({"sign"})


class Local(msgspec.Struct, frozen=True, kw_only=True):
    """What each clone and each shell may choose for itself."""

    #: Name with which `session start` and `run` check in; empty: a generated one.
    agent: str = ""
    #: Type of the agent; empty: the client in whose shell the command runs.
    agent_type: str = ""
    capabilities: tuple[str, ...] = ()
    #: How the life of sessions that are started here is judged.
    life: Literal["lease", "process", "beat"] = "lease"
    #: Seconds for which `lock acquire` waits when it is not told.
    wait: Seconds = 0
    #: What hooks do with an edit of a file that somebody else holds: refuse it, warn, nothing.
    hook_mode: Literal["enforce", "warn", "off"] = "enforce"
    #: Whether the first 200 characters of what a person types to an agent are the reason of its
    #: locks and the summary of its changes, which others read.
    share_prompts: bool = True
    #: Characters that `context` prints at most.
    context_budget: Annotated[int, msgspec.Meta(ge=200, le=1_000_000)] = 4000
    #: Where the ledger is kept: the name of a git remote, a URL, or `local` for this machine;
    #: empty: here, or where a remote is found to have one.
    remote: str = ""
    #: Whether commits say in trailers by which session and under which token they were made.
    trailers: bool = True
    #: Tools that `gitcoord mcp` offers when it is not told.
    mcp_tools: Literal["core", "all", "golemxv"] = "all"
    #: First port of the blocks that `port allocate` leases, ports in each, and how many there are.
    port_base: Annotated[int, msgspec.Meta(ge=1024, le=65_532)] = 10_000
    port_range: Annotated[int, msgspec.Meta(ge=4, le=10_000)] = 100
    port_blocks: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 20
    #: Seconds for which a lease of ports holds unless its session asks again.
    port_ttl: Annotated[float, msgspec.Meta(ge=1, le=604_800)] = 7200.0


class Setting(NamedTuple):
    """One setting as `gitcoord config` shows it."""

    key: str
    value: Any
    #: "default", "ledger", or the place that has the last word.
    source: str
    #: Whether all who use the ledger agree on it.
    shared: bool


def displayed(name: str, value: Any) -> Any:
    """Return what may be shown of a setting: a URL without name and password."""
    if name != "remote":
        return value
    from gitcoord.storage.wire.address import without_secrets

    return without_secrets(value)


class Resolved(NamedTuple):
    """The taste of this clone and shell, and the source of each value."""

    values: Local
    sources: dict[str, str]


LOCAL: tuple[str, ...] = Local.__struct_fields__
SHARED: tuple[str, ...] = Settings.__struct_fields__


def resolve(repository: Repository, environ: Mapping[str, str]) -> Resolved:
    """Return the settings for commands in this place.

    Raises `UnknownSetting` with a suggestion for a key that does not exist in the file or
    the git configuration, `InvalidConfig` for a wrong value; both name the place.
    """
    from gitcoord.entrypoints.project_file import FILE, load

    found: dict[str, tuple[Any, str]] = {}
    for name, value in load(repository.worktree).items():
        if name in LOCAL:
            found[name] = (value, FILE)
    for name, value in git_values(repository, environ).items():
        found[name] = (value, f"git config {git_key(name)}")
    for name in LOCAL:
        if (text := environ.get(variable(name))) is not None:
            found[name] = (text, variable(name))
    values = {
        name: converted(Local, name, value, source) for name, (value, source) in found.items()
    }
    return Resolved(Local(**values), {name: source for name, (_, source) in found.items()})


def git_values(repository: Repository, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings in the git configuration, by their names here.

    Raises `UnknownSetting` and `InvalidConfig` for what cannot be set there.
    """
    listed = Git(repository, environ).run(
        "config", "-z", "--get-regexp", r"^coord\.", accept=(0, 1)
    )[1]
    names = {name.replace("_", ""): name for name in (*LOCAL, *SHARED)}
    found = {}
    for entry in listed.decode("utf-8", "replace").split("\0"):
        key, _, value = entry.partition("\n")
        if not key:
            continue
        bare = key.removeprefix("coord.").replace("-", "")
        if bare in OWN_KEYS:
            continue
        name = names.get(bare)
        if name is None:
            refuse(bare, LOCAL, f"git config {key}")
        if name in SHARED:
            raise InvalidConfig(
                f"git config {key}: {name} is agreed by all who use the ledger",
                hint=f"Run `gitcoord config --shared {name} VALUE`, "
                f"and `git config --unset {key}`.",
                setting=name,
            )
        found[name] = value
    return found


def git_key(name: str) -> str:
    """Return the key of a setting in the git configuration, such as `coord.agentType`."""
    first, *rest = name.split("_")
    return "coord." + first + "".join(word.capitalize() for word in rest)


def variable(name: str) -> str:
    """Return the environment variable of a setting, such as `GITCOORD_AGENT_TYPE`."""
    return f"GITCOORD_{name.upper()}"


def plain(kind: type[msgspec.Struct], name: str, given: Any) -> Any:
    """Return what somebody wrote for a setting as plain data of the right kind.

    A duration may be written as `30m`, a list as JSON or with commas (those in braces
    belong to the item). Raises `InvalidValue`.
    """
    default = getattr(kind(), name)
    if not isinstance(given, str):
        return given
    if isinstance(default, tuple):
        return _items(name, given)
    if _is_duration(kind, name):
        return parse_duration(given)
    if isinstance(default, bool):
        from gitcoord.storage.gitconfig import boolean

        try:
            return boolean(given)
        except ValueError as wrong:
            raise InvalidValue(f"{name}: {wrong}") from None
    return given


def converted(kind: type[msgspec.Struct], name: str, given: Any, place: str) -> Any:
    """Return the value of a setting as its own type. Raises `InvalidConfig` with the place."""
    try:
        raw = {name: plain(kind, name, given)}
        return getattr(msgspec.convert(raw, kind, strict=False), name)
    except InvalidValue as wrong:
        raise InvalidConfig(f"{place}: {wrong.message}", hint=wrong.hint, setting=name) from None
    except msgspec.ValidationError as wrong:
        said = str(wrong).partition(" - at ")[0]
        raise InvalidConfig(f"{place}: {said}", hint=_choices(kind, name), setting=name) from None


def refuse(name: str, known: Iterable[str], place: str) -> NoReturn:
    """Raise `UnknownSetting` with the place and the nearest setting that exists."""
    missing = unknown(name, tuple(known))
    raise UnknownSetting(f"{place}: {missing.message}", hint=missing.hint, setting=name)


def _choices(kind: type[msgspec.Struct], name: str) -> str | None:
    """Return the words that a setting can be, if it is one of a few."""
    found = _type(kind, name)
    values = getattr(found, "values", None)
    return f"Choose one of {', '.join(map(str, values))}." if values else None


def misspelt(environ: Mapping[str, str]) -> list[str]:
    """Return the variables that begin with GITCOORD_ and mean nothing."""
    known = OTHER_VARIABLES | {variable(name) for name in LOCAL}
    return sorted(name for name in environ if name.startswith("GITCOORD_") and name not in known)


def _is_duration(kind: type[msgspec.Struct], name: str) -> bool:
    """Say whether a setting is a number that may have a fraction: all of these are seconds."""
    from msgspec.inspect import FloatType

    return isinstance(_type(kind, name), FloatType)


def _type(kind: type[msgspec.Struct], name: str) -> object:
    from msgspec.inspect import StructType, type_info

    info = type_info(kind)
    assert isinstance(info, StructType)
    return next(field.type for field in info.fields if field.name == name)


def _items(name: str, text: str) -> Any:
    if text.lstrip().startswith("["):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as wrong:
            raise InvalidValue(f"{name}: not JSON: {wrong}") from None
    items, depth = [""], 0
    for char in text:
        depth += (char == "{") - (char == "}")
        if char == "," and depth <= 0:
            items.append("")
        else:
            items[-1] += char
    return [item.strip() for item in items if item.strip()]
