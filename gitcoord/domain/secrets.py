"""Secrets that people and agents paste into free text, taken out before it is kept for ever.

Knows tokens of well-known forms, private keys, credentials in addresses and
headers, and assignments such as `password=...`. It is a net and no wall: a secret
that looks like any other word passes. Hiding twice is the same as hiding once.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

HIDDEN = "[secret]"

#: One of these is in every text that holds something to hide (lower case).
_SIGNS = (
    "://", "-----begin", "age-secret-key-", "basic ", "bearer ", "key", "pass", "pwd", "secret",
    "token", "credential", "accesskeyid", "akia", "asia", "aiza", "ya29.", "gocspx-", "eyj",
    "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "sk-", "sk_", "rk_", "whsec_",
    "xox", "xapp-", "hooks.slack.com", "npm_", "pypi-", "hf_", "sg.", "shpat_", "dop_v1_",
    "dckr_pat_", "glsa_", "hvs.",
)  # fmt: skip

_TOKENS = r"""
  gh[pousr]_[A-Za-z0-9]{36,255}
| github_pat_[A-Za-z0-9_]{22,255}
| glpat-[A-Za-z0-9_-]{20,255}
| (?:AKIA|ASIA)[0-9A-Z]{16}
| AIza[0-9A-Za-z_-]{35}
| ya29\.[0-9A-Za-z_-]{20,}
| GOCSPX-[0-9A-Za-z_-]{20,}
| sk-(?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_-]{20,}
| [sr]k_(?:live|test)_[0-9A-Za-z]{16,}
| whsec_[0-9A-Za-z]{24,}
| xox[abeoprs]-[0-9A-Za-z-]{10,}
| xapp-[0-9]-[0-9A-Za-z-]{20,}
| npm_[A-Za-z0-9]{36}
| pypi-AgEI[A-Za-z0-9_-]{50,}
| hf_[A-Za-z0-9]{30,}
| SG\.[A-Za-z0-9_-]{16,100}\.[A-Za-z0-9_-]{16,}
| shpat_[0-9a-fA-F]{32}
| dop_v1_[0-9a-f]{64}
| dckr_pat_[A-Za-z0-9_-]{20,}
| glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}
| hvs\.[A-Za-z0-9_-]{24,}
| AGE-SECRET-KEY-1[0-9A-Z]{50,}
| eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,}
"""
_PASSWORD = r"passw(?:or)?d|passphrase|passwd|pwd"
_OTHER = (
    r"secret|token|credentials?|(?:api|access|account|auth|client|encryption|private|secret|shared|"
    r"signing)[_-]?(?:access[_-]?)?(?:key|token|secret)"
)
#: What stands where a secret would, but is none: a variable, a gap, a kind of value.


def hide(value: Any) -> Any:
    """Return the plain value with every secret in its texts replaced by `[secret]`.

    Goes through lists, tuples and mappings; a text under a name such as `password` is hidden
    whole. What holds no secret is returned as it is, not copied.
    """
    if isinstance(value, str):
        return _hidden_text(value)
    if isinstance(value, dict):
        new = {key: _hidden_item(key, item) for key, item in value.items()}
        return new if any(new[key] is not value[key] for key in new) else value
    if isinstance(value, (list, tuple)):
        items = [hide(item) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    return value


def _hidden_item(name: Any, value: Any) -> Any:
    if isinstance(name, str) and isinstance(value, str) and value and _suspicious(name):
        found = _name_pattern().search(name)
        if found and _secret_value(value, bool(found["password"]), quoted=True):
            return HIDDEN
    return hide(value)


def _hidden_text(text: str) -> str:
    if not _suspicious(text):
        return text
    blocks, tokens, address, header, assignment = _patterns()
    new = blocks.sub(HIDDEN, text)
    new = tokens.sub(HIDDEN, new)
    new = address.sub(rf"\1{HIDDEN}@", new)
    new = header.sub(rf"\1{HIDDEN}", new)
    new = assignment.sub(_hidden_assignment, new)
    return text if new == text else new


def _suspicious(text: str) -> bool:
    lower = text.lower()
    return any(sign in lower for sign in _SIGNS)


def _hidden_assignment(match: re.Match[str]) -> str:
    value, quote = match["value"], match["quote"]
    sure = bool(match["password"]) and (bool(quote) or "=" in match["sign"])
    if _secret_value(value, sure, quoted=bool(quote)):
        return match["name"] + match["sign"] + quote + HIDDEN
    return match[0]


def _secret_value(value: str, sure: bool, *, quoted: bool) -> bool:
    """Say whether the value can be a secret: any word after `password=`, else a random one."""
    if value.startswith(HIDDEN) or _harmless().match(value):
        return False
    if sure:
        return True
    letters = any(char.isalpha() for char in value)
    mixed = letters and any(char.isdigit() or char in "!#$%^&*+=?" for char in value)
    return mixed and (len(value) >= 8 or (quoted and len(value) >= 6)) and " " not in value


@cache
def _harmless() -> re.Pattern[str]:
    return re.compile(
        r"""[\[\](){}<>$%*.…] | [^"']{0,2}$
        | (?:none|null|nil|true|false|undefined|empty|required|optional|missing|redacted|changeme
            |string|str|bytes|int|bool|any|text|x+|\*+)\b
        | [A-Za-z_][\w.]*[(\[]
        | (?:\w+\.)+(?:\w*(?:pass|secret|token|key|pwd)\w*)$""",
        re.IGNORECASE | re.VERBOSE,
    )


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    blocks = re.compile(
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----.*?"
        r"(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|\Z)",
        re.DOTALL,
    )
    tokens = re.compile(
        rf"(?<![A-Za-z0-9_])(?:{_TOKENS}|https://hooks\.slack\.com/services/[\w/]{{20,}})",
        re.VERBOSE,
    )
    address = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/@:\"']{0,100}:)(?!\[secret\])"
                         r"[^\s/@\"'${<]{1,300}@")  # fmt: skip
    header = re.compile(
        r"((?:authorization|x-api-key)[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
        r"(?:(?:bearer|basic|token)\s{1,3})?|\b(?:bearer|basic)\s{1,3})"
        r"(?=[^\s\"']{0,200}[0-9=])(?![$<{\[])[A-Za-z0-9+/._~=-]{12,}",
        re.IGNORECASE,
    )
    assignment = re.compile(
        rf"(?P<name>(?P<password>{_PASSWORD})|{_OTHER})"
        r"(?P<sign>[\"']?\s{0,3}(?:=>|:=|[:=])\s{0,3})"
        r"(?P<quote>[\"']?)(?P<value>(?<=[\"'])[^\"'\r\n]{1,500}|[^\s\"',;&]{1,500})",
        re.IGNORECASE,
    )
    return blocks, tokens, address, header, assignment


@cache
def _name_pattern() -> re.Pattern[str]:
    return re.compile(rf"(?:^|[^A-Za-z])(?:(?P<password>{_PASSWORD})|{_OTHER})$", re.IGNORECASE)
