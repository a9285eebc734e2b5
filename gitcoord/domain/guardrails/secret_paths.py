"""Files that hold secrets, told by their paths."""

from __future__ import annotations

from typing import Literal

from gitcoord.domain.guardrails.pattern import Pattern

Kind = Literal["env", "credentials", "key", ""]

#: Samples and what is meant to be seen.
_SHOWN = Pattern(
    r"(^|[._-])(example|sample|template|tmpl|dist|defaults?|schema|md|pub|enc|sops|age|gpg|"
    r"j2)$|\.(py|ts|js|go|rs|rb|java|html|tsx|jsx|c|h|css|lock)$"
)
_ENV = Pattern(r"(^|/)(\.env(\.[\w.-]+|rc)?|[\w-]+\.env)$")
_KEY = Pattern(
    r"(^|/)(\.ssh/(?!known_hosts|config\b)[^/]+|(id|ssh_host)_(rsa|dsa|ecdsa|ed25519)(_sk|"
    r"_key)?|authorized_keys2?)$"
    r"|(^|/)\.ssh/?(\*+)?$|(^|/)\.gnupg(/.*)?$|\.(pem|ppk|p12|pfx|jks|keystore|kdbx)$|(^|"
    r"/)[\w.-]*(private|secret|server|tls|ssl|signing)[\w.-]*\.key$"
)
_CREDENTIALS = Pattern(
    r"(^|/)([\w.-]*(credentials?|secrets?|passwords?)[\w-]*\.(json|ya?ml|yml|txt|toml|ini|"
    r"csv|xml|properties|conf|env|tfvars|php|db)"
    r"|\.(netrc|_netrc|pgpass|git-credentials|npmrc|pypirc|vault-token|htpasswd|my\.cnf|"
    r"dockercfg|boto|s3cfg)"
    r"|\.(aws|azure)/(credentials|config|accesstokens\.json)|\.aws(/\*+)?|\.kube/config|"
    r"kubeconfig|\.docker/config\.json"
    r"|\.config/(gh/hosts\.yml|gcloud/.*)|service[-_]?account[\w-]*\.json|"
    r"gha-creds[\w-]*\.json|application_default_credentials\.json"
    r"|\.claude/\.credentials\.json|\.codex/auth\.json|\.gemini/oauth_creds\.json|"
    r"master\.key|terraform\.tfstate(\.backup)?|wallet\.dat)$"
    r"|^/etc/(shadow|gshadow|sudoers)$|^/proc/([^/]+)/environ$|(^|/)\.password-store(/.*)?$"
)


def secret(path: str) -> Kind:
    """Return what kind of secret a path names, if any."""
    lower = path.lower().rstrip("/")
    if "." not in lower and "key" not in lower and "/" not in lower and "config" not in lower:
        return "key" if lower.startswith("id_") and _KEY.search(lower) else ""
    if len(lower) > 4096 or _SHOWN.search(lower):
        return ""
    if _KEY.search(lower):
        return "key"
    if _ENV.search(lower):
        return "env"
    return "credentials" if _CREDENTIALS.search(lower) else ""
