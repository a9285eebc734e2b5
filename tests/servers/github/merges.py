"""How a pull request lands: by a merge, squashed, rebased, or pushed to its base by somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.github import checks, commits, pulls, refs, timeline
from tests.servers.github.ask import Refusal
from tests.servers.github.gitreading import GitFailed
from tests.servers.github.gitrecords import Person

if TYPE_CHECKING:
    from tests.servers.github.actors import Actor
    from tests.servers.github.records import Issue

#: Who commits what is merged on the page.
WEB = ("GitHub", "noreply@example.invalid")


def mergeable(issue: Issue) -> bool:
    """Return whether it merges without conflicts into its base as it is now."""
    try:
        issue.repo.git.merged_tree(_onto(issue), issue.pr.head_oid)
    except GitFailed:
        return False
    return True


def state(issue: Issue, clean: bool | None) -> str:
    """Return what stands in the way of its merge, as its page says it in a word."""
    repo, pull = issue.repo, issue.pr
    if clean is None:
        return "unknown"
    if not clean or pull.draft:
        return "dirty" if not clean else "draft"
    verdicts = [checks.verdict(repo, pull.head_oid, context) for context in repo.required]
    return "clean" if all(verdict == "success" for verdict in verdicts) else "blocked"


def _onto(issue: Issue) -> str:
    return issue.repo.known.get(f"refs/heads/{issue.pr.base}", issue.pr.base_oid)


def merge(
    issue: Issue,
    actor: Actor,
    method: str = "merge",
    title: str | None = None,
    message: str | None = None,
) -> str:
    """Merge by "merge", "squash" or "rebase" and return the base's new commit.

    Raises Refusal, and GitFailed at a conflict.
    """
    pull, repo = issue.pr, issue.repo
    if issue.state != "open" or pull.draft:
        words = "Pull Request is still a draft" if pull.draft else "Pull Request is not mergeable"
        raise Refusal(405, words)
    for context in repo.required:
        if checks.verdict(repo, pull.head_oid, context) != "success":
            raise Refusal(405, f'Required status check "{context}" is expected.')
    onto, now = _onto(issue), repo.world.stamp()
    # Squash and rebase keep the author; the page commits, as the account for a rebase.
    person = Person(actor.account.login, commits.email(actor.account), now)
    web = Person(*WEB, now)
    if method == "rebase":
        start = repo.git.base(onto, pull.head_oid) or onto
        oid = repo.git.rebased(onto, start, pull.head_oid, person)
    else:
        tree = repo.git.merged_tree(onto, pull.head_oid)
        if method == "squash":
            words = title or f"{issue.title} (#{issue.number})"
            own = pulls.own_commits(issue)
            text = message or "\n\n".join(f"* {commit.message}" for commit in own)
            first = own[0].author
            oid = repo.git.write_commit(tree, [onto], f"{words}\n\n{text}\n", first, web)
        else:
            label = f"{pull.head_repo.owner.login}/{pull.head}"
            words = title or f"Merge pull request #{issue.number} from {label}"
            text = f"{words}\n\n{message or issue.title}\n"
            oid = repo.git.write_commit(tree, [onto, pull.head_oid], text, person, web)
    pull.base_oid = onto
    _landed(issue, actor, oid)
    refs.move(repo, actor, f"refs/heads/{pull.base}", oid, onto)
    return oid


def base_moved(issue: Issue, actor: Actor, tip: str) -> None:
    """Take a pull request for merged whose commits somebody has pushed to its base."""
    pull = issue.pr
    if issue.state == "open" and issue.repo.git.base(tip, pull.head_oid) == pull.head_oid:
        _landed(issue, actor, tip)


def _landed(issue: Issue, actor: Actor, oid: str) -> None:
    pull, now = issue.pr, issue.repo.world.stamp()
    pull.merge_oid, pull.merged_at, pull.merged_by = oid, now, actor.account
    issue.state, issue.closed_at, issue.closed_by = "closed", now, actor.account
    timeline.note(issue, actor, "merged", commit=oid)
    timeline.note(issue, actor, "closed")
    pulls.tell(issue, actor, "closed")
