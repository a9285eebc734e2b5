"""What the caller or the configuration got wrong: nothing was tried."""

from __future__ import annotations

from gitcoord.errors.family import UsageError


class InvalidKey(UsageError):
    """A lock key that cannot name anything in a repository."""

    code = "invalid_key"


class UnknownNamespace(UsageError):
    """The key's prefix is not one of the known namespaces."""

    code = "unknown_namespace"


class TtlOutOfRange(UsageError):
    """The time to live is outside the allowed range."""

    code = "ttl_out_of_range"


class InvalidId(UsageError):
    """The id does not have the form of one."""

    code = "invalid_id"


class InvalidValue(UsageError):
    """A value is of the wrong kind or out of range."""

    code = "invalid_value"


class InvalidStatus(UsageError):
    """A feature ends as completed or cancelled, nothing else."""

    code = "invalid_status"


class TextTooLong(UsageError):
    """The text is over the limit of 64 KiB."""

    code = "text_too_long"


class ReasonRequired(UsageError):
    """This needs a reason that others can read."""

    code = "reason_required"


class SummaryRequired(UsageError):
    """A handoff needs a summary."""

    code = "summary_required"


class InvalidConfig(UsageError):
    """The configuration cannot be read or holds a wrong value."""

    code = "invalid_config"


class UnknownSetting(UsageError):
    """There is no setting of that name."""

    code = "unknown_setting"


class InvalidFile(UsageError):
    """The file does not have the expected form."""

    code = "invalid_file"


class NotARepository(UsageError):
    """This is not inside a git repository."""

    code = "not_a_repository"
    remedy = "Change to a git repository, or run `git init` first."


class NotInitialised(UsageError):
    """This repository has no ledger yet."""

    code = "not_initialised"
    remedy = "Run `gitcoord init`, or `gitcoord init --remote origin` to share it between clones."


class SessionRequired(UsageError):
    """Nobody is checked in here."""

    code = "session_required"
    remedy = "Run `gitcoord session start`, or pass --session."


class SessionAmbiguous(UsageError):
    """Several sessions are live here and the command does not say which one acts."""

    code = "session_ambiguous"
    remedy = "Pass --session, or set GITCOORD_SESSION."


class ExtraMissing(UsageError):
    """This command needs an optional part that is not installed."""

    code = "extra_missing"


class UnsupportedRepository(UsageError):
    """The repository uses a format that this engine or the installed git cannot open."""

    code = "unsupported_repository"


class InvalidUrl(UsageError):
    """This is no URL, path or remote that git could push to."""

    code = "invalid_url"
