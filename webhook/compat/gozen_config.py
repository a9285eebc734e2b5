"""GoZen: the agent section of its configuration, as the shared settings say it.

A section with only `enabled: true` gets the documented defaults; one that is left out stays as it
is. What cannot be had as it is asked for is refused, never taken and forgotten.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from gitcoord.domain.configure import ChangeSettings, Configured
from gitcoord.domain.life import IDLE_AFTER
from gitcoord.domain.settings import Settings
from webhook.compat.line import Ask, Misfit

#: GoZen's documented defaults; 0 means them too where it has no meaning of its own.
LOCK_SECONDS, STUCK_ERRORS, IDLE_MINUTES, RETRIES = 300, 5, 30, 3
CAP, RATE = 10.0, 60


Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the section."""

    enabled: bool = False


class Coordinator(Section, frozen=True, kw_only=True):
    """Locks."""

    lock_timeout_sec: Count = LOCK_SECONDS
    inject_warnings: bool = True


class Observatory(Section, frozen=True, kw_only=True):
    """When a session is stuck or idle."""

    stuck_threshold: Count = STUCK_ERRORS
    idle_timeout_min: Count = IDLE_MINUTES


class Guardrails(Section, frozen=True, kw_only=True):
    """What a session may use."""

    session_spending_cap: float = CAP
    request_rate_limit: Count = RATE
    sensitive_ops_detect: bool = True
    auto_pause_on_cap: bool = True


class TaskQueue(Section, frozen=True, kw_only=True):
    """Tasks."""

    max_retries: Count = RETRIES
    workers: Count = 1


class Config(Section, frozen=True, kw_only=True):
    """The agent section; a part that is None stays as it is."""

    coordinator: Coordinator | None = None
    observatory: Observatory | None = None
    guardrails: Guardrails | None = None
    task_queue: TaskQueue | None = None
    runtime: Section | None = None


def get(ask: Ask) -> Config:
    """Return the section."""
    with ask.asking.state() as state:
        settings = state.settings
    return Config(
        enabled=True,
        coordinator=Coordinator(enabled=True, lock_timeout_sec=round(settings.lock_ttl)),
        observatory=Observatory(
            enabled=_observes(settings),
            stuck_threshold=settings.stuck_errors,
            idle_timeout_min=round(IDLE_AFTER / 60),
        ),
        guardrails=guardrails(settings),
        task_queue=TaskQueue(enabled=True, max_retries=settings.max_attempts),
        runtime=Section(),
    )


def guardrails(settings: Settings) -> Guardrails:
    """Return the part that limits sessions; a limit of 0 is none."""
    capped, limited = settings.spending_action != "off", settings.rate_action != "off"
    return Guardrails(
        enabled=capped or limited,
        session_spending_cap=settings.spending_cap if capped else 0.0,
        request_rate_limit=settings.rate_limit if limited else 0,
        auto_pause_on_cap=settings.spending_action in ("pause", "ask"),
    )


def put(ask: Ask) -> dict[str, str]:
    """Write the shared settings that the section means."""
    config: Config = ask.body
    with ask.asking.state() as state:
        settings = state.settings
    _refuse_impossible(config)
    values: dict[str, Any] = {}
    if config.coordinator is not None:
        values["lock_ttl"] = float(config.coordinator.lock_timeout_sec or LOCK_SECONDS)
    if config.observatory is not None:
        values |= _observing(config.observatory, settings)
    if config.guardrails is not None:
        values |= _limiting(config.guardrails, settings)
    if config.task_queue is not None:
        values["max_attempts"] = config.task_queue.max_retries or RETRIES
    if values:
        ask.do(ChangeSettings(values=values), Configured)
    return {"status": "ok"}


def _observes(settings: Settings) -> bool:
    return bool(settings.stuck_errors or settings.stuck_repeats or settings.stuck_after)


def _observing(wish: Observatory, settings: Settings) -> dict[str, Any]:
    if not wish.enabled:
        return {"stuck_errors": 0, "stuck_repeats": 0, "stuck_after": 0.0}
    found: dict[str, Any] = {"stuck_errors": wish.stuck_threshold or STUCK_ERRORS}
    if not _observes(settings):
        found |= {"stuck_repeats": None, "stuck_after": None}
    return found


def _limiting(wish: Guardrails, settings: Settings) -> dict[str, Any]:
    if not wish.enabled:
        return {"spending_action": "off", "rate_action": "off"}
    found: dict[str, Any] = {"spending_action": "off", "rate_action": "off"}
    if wish.session_spending_cap:
        # Asking a person is a way of pausing, which GoZen has no word for.
        pausing = "ask" if settings.spending_action == "ask" else "pause"
        found["spending_action"] = pausing if wish.auto_pause_on_cap else "warn"
        found["spending_cap"] = wish.session_spending_cap
    if wish.request_rate_limit:
        # GoZen refuses the requests above the limit and lets the session go on.
        found["rate_action"] = "warn" if settings.rate_action == "off" else settings.rate_action
        found["rate_limit"] = wish.request_rate_limit
    return found


def _refuse_impossible(config: Config) -> None:
    """Raise `Misfit` for what gitcoord does not do."""
    on = "it is always on"
    coordinator, queue = config.coordinator, config.task_queue
    limits, watching = config.guardrails, config.observatory
    minutes = round(IDLE_AFTER / 60)
    # The place, whether it asks for what there is not, and why there is not.
    for place, wrong, why in (
        ("enabled", not config.enabled, on),
        ("coordinator.enabled", coordinator and not coordinator.enabled, on),
        (
            "coordinator.inject_warnings",
            coordinator and not coordinator.inject_warnings,
            "each clone sets its own: `gitcoord config context_budget`",
        ),
        (
            "observatory.idle_timeout_min",
            watching and watching.idle_timeout_min not in (0, minutes, IDLE_MINUTES),
            f"it is always {minutes} minutes",
        ),
        (
            "guardrails.sensitive_ops_detect",
            limits and limits.enabled and not limits.sensitive_ops_detect,
            "the rules of a repository are in its .gitcoord.yaml",
        ),
        ("task_queue.enabled", queue and not queue.enabled, on),
        (
            "task_queue.workers",
            queue and queue.workers not in (0, 1),
            "there are no workers: agents claim tasks",
        ),
        (
            "runtime.enabled",
            config.runtime and config.runtime.enabled,
            "there is no autonomous runtime yet",
        ),
    ):
        if wrong:
            raise Misfit(place, why)
