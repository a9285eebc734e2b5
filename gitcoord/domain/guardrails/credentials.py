"""Judges secrets: files that hold them, what prints them, what changes who has access."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.marks import SECRET
from gitcoord.domain.guardrails.options import parse
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.rules import Severity
from gitcoord.domain.guardrails.scene import Scene
from gitcoord.domain.guardrails.secret_paths import Kind, secret

Found = Iterator[tuple[str, Severity | None]]

#: Programs for which a path is a name and not what is in the file.
_NAMES_ONLY = frozenset(
    {
        "ls",
        "stat",
        "test",
        "[",
        "[[",
        "echo",
        "printf",
        "file",
        "find",
        "du",
        "basename",
        "dirname",
        "touch",
        "mkdir",
        "realpath",
        "readlink",
        "git",
        "chmod",
        "chown",
        "ssh",
        "sftp",
        "docker",
        "docker-compose",
        "source",
        ".",
        "direnv",
        "which",
        "wc",
        "sha256sum",
        "md5sum",
        "ssh-add",
        "gitcoord",
        "pytest",
        "node",
        "npm",
        "ssh-keygen",
        "kubectl",
        "helm",
        "openssl",
        "dotenv",
        "podman",
        "terraform",
        "ansible-playbook",
        "gpg",
        "fd",
        "tree",
        "rmdir",
        "cd",
        "export",
        "read",
        "sops",
        "uv",
        "make",
        "curl",
        "wget",
        "scp",
        "rsync",
        "nc",
        "ncat",
    }
)
_PRINTERS: tuple[tuple[str, str, Severity | None], ...] = (
    ("gh", r"^auth token|^auth status .*(-t|--show-token)", "ask"),
    ("gcloud", r"^auth (application-default )?print-", None),
    (
        "aws",
        (
            r"^configure (get|export)|^secretsmanager get-secret-value|"
            r"^ssm get-parameter.*--with-decryption|^sts get-session"
        ),
        None,
    ),
    ("kubectl", r"^get secrets?\b.*(-o|--output)|^describe secret", "ask"),
    ("vault", r"^(kv get|read)\b", None),
    ("op", r"^(read|item get)\b", None),
    ("pass", r"^show\b", None),
    ("security", r"find-(generic|internet)-password", None),
    ("heroku", r"^config\b(?!:set)", None),
    ("docker", r"^inspect\b.*Env", None),
    ("git", r"^credential fill", None),
    ("az", r"account get-access-token|keyvault secret show", None),
    ("npm", r"^token list", None),
    ("sops", r"-d\b|--decrypt|^decrypt", None),
    ("gpg", r"--export-secret", None),
    ("terraform", r"^output\b.*(-raw|-json)", "log"),
    ("doppler", r"^secrets\b", None),
)
_CHANGES: tuple[tuple[str, str], ...] = (
    (
        "gh",
        (
            r"^(secret|variable) (set|delete|remove)|^auth (login|logout|refresh|setup-git)|"
            r"^ssh-key (add|delete)|^api .*(secrets|keys|collaborators)"
        ),
    ),
    (
        "aws",
        (
            r"^iam (create|delete|attach|detach|put|update|add|remove)-|^secretsmanager (put|"
            r"delete|update|create)|^kms (schedule|disable)|^configure set"
        ),
    ),
    (
        "gcloud",
        (
            r"add-iam-policy-binding|remove-iam-policy-binding|service-accounts keys create|"
            r"secrets (delete|versions)"
        ),
    ),
    ("vault", r"^(kv (put|delete|destroy)|write|delete|token (create|revoke))\b"),
    ("npm", r"^token (create|revoke)|^(login|adduser|owner|access)\b"),
    ("az", r"role assignment|keyvault secret (set|delete)|ad sp "),
    ("kubectl", r"^(create|delete) (secret|clusterrolebinding|rolebinding)"),
    ("ssh-copy-id", ""),
    ("ssh-add", r"(^| )-[dD]\b"),
    ("heroku", r"^config:set|^access:"),
    ("security", r"add-|delete-"),
    ("gpg", r"--delete-(secret-)?keys?"),
    ("docker", r"^login\b.*(-p|--password)\b"),
)
#: What hides a secret from whoever looks for it in the output.
_ENCODERS = frozenset(
    {"base64", "base32", "xxd", "od", "hexdump", "rev", "openssl", "gzip", "basenc"}
)
#: Programs that show what is in a file -> their letters that take a value.
_SHOWERS = {
    **dict.fromkeys(("cat", "tac", "less", "more", "bat", "batcat", "strings", "fold"), ""),
    **dict.fromkeys(("head", "tail"), "nc"), "nl": "bdfhilnsvw",
    **dict.fromkeys(("grep", "egrep", "fgrep", "zgrep"), "efmABC"),
}  # fmt: skip
_OUT = frozenset({">", ">>", ">|", "&>", "&>>"})
_INTERPRETERS = frozenset({"python", "python3", "node", "ruby", "perl", "php", "deno", "bun"})
_OPENS = Pattern(
    r"\b(?:open|readFile(?:Sync)?|File\.read|IO\.read|read_text|file_get_contents|Path)"
    r"[\s(]{1,20}r?[\"']([^\"'\n]{1,300})[\"']"
)
_PRINTS = Pattern(r"\b(print|puts|echo|say|console\.log|stdout)\b")
_FETCHERS = frozenset({"curl", "wget", "http", "https", "xh", "nc", "python", "python3"})
#: Where machines in a cloud ask who they are, and what they may.
_METADATA = Pattern(
    r"//(169\.254\.169\.254|169\.254\.170\.2|metadata\.google\.internal|\[fd00:ec2::254\]|"
    r"100\.100\.100\.200)\b"
)
_ROLE = Pattern(r"credential|token|identity|user-?data", re.IGNORECASE)
_VARIABLE = Pattern(
    r"\$\{?\w*(SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY|ACCESS_KEY|CREDENTIAL)\w*\}?",
    re.IGNORECASE,
)


def judge(command: Command, scene: Scene, part: str) -> Found:
    """Yield the rules that a command meets; `part` is how it is written."""
    line, program = " ".join(command.args), command.name
    for name, pattern, severity in _PRINTERS:
        if program == name and re.search(pattern, line):
            yield "secret_printed", severity
    for name, pattern in _CHANGES:
        if program == name and re.search(pattern, line):
            yield "credential_change", None
    if (
        program in {"echo", "printf"}
        and not command.redirects
        and _VARIABLE.search(part)
        and line != part
    ):
        yield "secret_printed", None
    if (
        program in {"printenv", "env"}
        and not command.upstream
        and (program == "printenv" or not command.args)
    ):
        yield "secret_printed", "log"
    if program in _ENCODERS and SECRET in (command.stdin or ""):
        yield "secret_printed", "ask"
    if _shows(command):
        yield "secret_printed", "ask"
    if program in _FETCHERS and (found := _METADATA.search(line)) is not None:
        yield "secret_printed", "block" if _ROLE.search(line, found.start()) else "ask"
    yield from _files(command)
    yield from _code(command)


def _shows(command: Command) -> bool:
    """Say whether the content of a secret file ends on the screen, and so in a transcript."""
    if command.piped or any(one.operator in _OUT and one.target for one in command.redirects):
        return False
    if command.name in {"echo", "printf"}:
        return any(SECRET in arg for arg in command.args)
    if command.name not in _SHOWERS:
        return False
    given = parse(command.args, _SHOWERS[command.name])
    if "grep" in command.name and given.has("q", "c", "l", "L", "quiet", "count"):
        return False
    pattern = "grep" in command.name and not given.has("e", "f", "regexp", "file")
    paths = given.operands[int(pattern) :]
    if not paths:
        return SECRET in (command.stdin or "")
    return any(secret(path) for path in paths)


def _code(command: Command) -> Found:
    """Yield the rules that a piece of code meets which opens a file of secrets."""
    if command.name not in _INTERPRETERS:
        return
    for text in (*command.args, command.stdin or ""):
        for match in _OPENS.finditer(text[:20_000]):
            found = touched(match[1], writing=False)
            if found is not None:
                yield found
                if _PRINTS.search(text):
                    yield "secret_printed", "ask"


def _files(command: Command) -> Found:
    writes = _written(command)
    for path in writes:
        if found := touched(path, writing=True):
            yield found
    for redirect in command.redirects:
        if found := touched(redirect.target, writing=redirect.operator != "<"):
            yield found
    if command.name in {"source", "."} and command.args and secret(command.args[0]):
        yield "env_file_modify", "log"
    if command.name in _NAMES_ONLY:
        return
    for arg in parse(command.args).operands[_skipped(command) :]:
        if arg in writes or (" " in arg and command.name not in _SHOWERS):
            # A text with blanks is one that is shown or sent, as of a message.
            continue
        if found := touched(arg, writing=False):
            yield found


def _skipped(command: Command) -> int:
    """Return how many words of a program are patterns and no files."""
    return int(
        command.name in {"grep", "egrep", "rg", "ag", "sed", "awk", "jq", "perl"}
        and len(command.args) > 1
    )


def touched(path: str, *, writing: bool) -> tuple[str, Severity | None] | None:
    """Return the rule that reading or writing a path meets."""
    kind: Kind = secret(path)
    if kind == "env":
        return "env_file_modify", None
    if kind == "credentials":
        return "credentials_file", None
    if kind == "key":
        return "ssh_key_modify", None
    return None


def _written(command: Command) -> list[str]:
    from gitcoord.domain.guardrails.writes import targets

    return [one.path for one in targets(command)]
