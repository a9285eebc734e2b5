"""Judges databases: the SQL that clients are given, and the tools that drop or reset.

Not here: what a statement does (`sql.py`), and whether a table matters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.rules import Severity
from gitcoord.domain.guardrails.scene import Scene

Found = Iterator[tuple[str, Severity | None]]

#: Client -> options with which SQL is given.
_CLIENTS: dict[str, tuple[str, ...]] = {
    "psql": ("-c", "--command"), "mysql": ("-e", "--execute"), "mariadb": ("-e", "--execute"),
    "sqlite3": ("-cmd",), "sqlcmd": ("-Q", "-q"), "clickhouse-client": ("-q", "--query"),
    "duckdb": ("-c", "-s"), "usql": ("-c",), "cockroach": ("-e", "--execute"), "snowsql": ("-q",),
    "bq": (), "trino": ("--execute",), "cqlsh": ("-e",), "isql": (), "pgcli": (), "mycli": ("-e",),
    "litecli": ("-e",), "beeline": ("-e",), "hive": ("-e",), "d1": ("--command",),
}  # fmt: skip
#: `tool verb`: how grave it is to reset what it is pointed at.
_RESETS: tuple[tuple[str, str, Severity | None], ...] = (
    ("dropdb", "", None),
    ("mysqladmin", r"\bdrop\b", None),
    ("dropuser", "", "ask"),
    ("redis-cli", r"(?i)\bflush(all|db)\b", None),
    ("rails", r"\bdb:(drop|reset|schema:load|migrate:reset|purge)\b", None),
    ("rake", r"\bdb:(drop|reset|schema:load|migrate:reset|purge)\b", None),
    ("rails", r"\bdb:rollback\b", "warn"),
    ("rake", r"\bdb:rollback\b", "warn"),
    ("prisma", r"\bmigrate reset\b|--force-reset|--accept-data-loss", None),
    ("manage.py", r"\b(flush|reset_db|sqlflush)\b", None),
    ("django-admin", r"\b(flush|reset_db)\b", None),
    ("alembic", r"\bdowngrade -\d+( |$)", "warn"),
    ("alembic", r"\bdowngrade\b(?! -\d+( |$))", "ask"),
    ("flyway", r"\bclean\b", None),
    ("liquibase", r"\bdrop-?all\b", None),
    ("knex", r"\bmigrate:rollback\b", "ask"),
    ("sequelize", r"\bdb:(drop|migrate:undo)", None),
    ("sequelize-cli", r"\bdb:(drop|migrate:undo)", None),
    ("typeorm", r"\bschema:drop\b", None),
    ("artisan", r"\b(migrate:(fresh|reset|refresh)|db:wipe)\b", None),
    ("supabase", r"\bdb reset\b", None),
    ("mix", r"\becto\.(drop|reset)\b", None),
    ("hasura", r"^(?=.*\bmigrate ).*--down", "ask"),
    ("goose", r"\b(reset|down-to)\b", "ask"),
    ("migrate", r"\b(drop|down)\b", "ask"),
    ("diesel", r"\bdatabase reset\b", None),
    ("sqlx", r"\bdatabase (drop|reset)\b", None),
    ("pg_restore", r"--clean|(^| )-c\b", "ask"),
    ("etcdctl", r"^(?=.*\bdel ).*--prefix", None),
    ("pg_dropcluster", "", None),
    ("doctrine", r"schema:drop|database:drop", None),
    ("console", r"doctrine:(schema|database):drop", None),
)
_MONGO = Pattern(
    r"\.(dropDatabase|drop)\(\s*\)|\.(deleteMany|remove|updateMany)\(\s*(?:\{\s*\}\s*)?[,)]"
)
#: Programs that bring a schema up to date.
_MIGRATIONS = {
    "alembic": Pattern(r"^upgrade\b(?!.*--sql)"),
    "rails": Pattern(r"^db:migrate"),
    "rake": Pattern(r"^db:migrate"),
    "prisma": Pattern(r"^migrate deploy|^db push"),
    "flyway": Pattern(r"\bmigrate\b"),
    "liquibase": Pattern(r"\bupdate\b"),
    "knex": Pattern(r"^migrate:(latest|up)"),
    "sequelize": Pattern(r"^db:migrate"),
    "sequelize-cli": Pattern(r"^db:migrate"),
    "typeorm": Pattern(r"^migration:run"),
    "manage.py": Pattern(r"^migrate"),
    "goose": Pattern(r"\bup"),
    "migrate": Pattern(r"\bup\b"),
    "dbmate": Pattern(r"^(up|migrate)\b"),
    "atlas": Pattern(r"^(migrate|schema) apply"),
}
#: What names the database that people use: a host, a variable, an environment.
_LIVE = Pattern(r"(?<![A-Za-z])(prod|production|live)(?![A-Za-z])", re.IGNORECASE)
_TEST = Pattern(
    r":memory:|^/tmp/|^/var/tmp/|(^|[/_.-])(tests?|tmp|scratch|fixtures?)([/_.-]|\d|$)",
    re.IGNORECASE,
)


def judge(command: Command, scene: Scene, part: str) -> Found:
    """Yield the rules that a command meets; `part` is how it is written."""
    line, program = " ".join(command.args), command.name
    live = _LIVE.search(part) is not None
    if live and (row := _MIGRATIONS.get(program)) is not None and row.search(line):
        yield "database_change", "ask"
    for name, pattern, severity in _RESETS:
        if program == name and (not pattern or re.search(pattern, line)):
            yield "database_reset", "warn" if _harmless(command) and severity is None else severity
    yield from _scripts(command)
    if command.name in {"mongo", "mongosh"} and _MONGO.search(line + (command.stdin or "")):
        yield "database_reset", None
    texts = _sql(command)
    if not texts:
        return
    from gitcoord.domain.guardrails.sql import statements

    for text in texts:
        for rule, severity in statements(text):
            graver = "ask" if live and rule == "database_change" else severity
            yield rule, "log" if _harmless(command) else graver


def _scripts(command: Command) -> Found:
    """`python manage.py flush` and such."""
    if command.name in {"python", "python3", "php", "node", "npx"} and command.args:
        inner = command.args[0].rsplit("/", 1)[-1]
        rest = " ".join(command.args[1:])
        for name, pattern, severity in _RESETS:
            if inner == name and pattern and re.search(pattern, rest):
                yield "database_reset", severity


def _harmless(command: Command) -> bool:
    """Say whether a client works on a database in memory, for a test or for a moment."""
    given = parse(command.args, "dhUpPDeuc", ("dbname", "host", "port", "username"))
    if command.name in {"sqlite3", "duckdb"}:
        place = given.operands[0] if given.operands else ":memory:"
        return _TEST.search(place) is not None
    if command.name in {"psql", "dropdb"}:
        names = [*given.get("d", "dbname"), *given.operands[:1]]
        return any(re.fullmatch(r"(\w+_)?(test|tmp|scratch)(_\w+|\d+)?", name) for name in names)
    return False


def _sql(command: Command) -> list[str]:
    options = _CLIENTS.get(command.name)
    if options is None:
        return _strings(command)
    args, found = command.args, []
    for at, arg in enumerate(args):
        for option in options:
            if arg == option and at + 1 < len(args):
                found.append(args[at + 1])
            elif arg.startswith(option + "="):
                found.append(arg[len(option) + 1 :])
            elif len(option) == 2 and arg.startswith(option) and len(arg) > 2:
                found.append(arg[2:])
            elif (
                len(option) == 2
                and re.fullmatch(r"-[A-Za-z]+" + option[1], arg)
                and at + 1 < len(args)
            ):
                found.append(args[at + 1])
    if command.name in {"sqlite3", "bq", "duckdb", "isql"}:
        found += [arg for arg in args if " " in arg]
    if command.stdin is not None:
        found.append(command.stdin)
    return found


_QUOTED = Pattern(
    r"""(["'`]{1,3})\s*((?:DROP|TRUNCATE|DELETE|UPDATE|ALTER)\s[^"`]{1,2000}?)\s*\1""",
    re.IGNORECASE,
)


def _strings(command: Command) -> list[str]:
    """Return the SQL in the strings of a piece of code that is run."""
    if command.name not in {"python", "python3", "node", "ruby", "perl", "php"}:
        return []
    codes = [arg for arg in command.args if "execute" in arg or "query" in arg or "raw" in arg]
    if command.stdin and not command.args:
        codes.append(command.stdin)
    return [match[2] for text in codes for match in _QUOTED.finditer(text)]
