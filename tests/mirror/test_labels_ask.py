"""Labels that ask for locks, as a diary of those who put them on."""

from __future__ import annotations

import pytest

from gitcoord.domain.departure import KillSession
from gitcoord.domain.locks import Lock
from gitcoord.domain.takeover import TakeOverLocks
from tests.mirror.stage import Stage, names


def test_a_label_takes_a_lock_and_its_removal_gives_it_back(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "Slow log-in")
    stage.ada.labels(issue, "locked:src/auth/**")
    stage.look()
    assert stage.locks() == {"src/auth/**": "ada"}
    (lock,) = stage.all(Lock)
    assert (lock.ttl, lock.reason) == (28800, f"label on {issue_url(stage, 1)} by ada")
    (session,) = stage.sessions()
    assert (session.type, session.client_session) == ("github_label", "octo/project#1")
    assert names(issue) == ["coord:locks", "locked:src/auth/**"]
    stage.ada.unlabels(issue, "locked:src/auth/**")
    stage.look()
    assert (stage.locks(), stage.sessions()) == ({}, [])
    assert names(issue) == []
    assert stage.said(issue) == []


def test_a_refused_label_comes_off_and_it_is_said_who_holds_what_until_when(stage: Stage) -> None:
    carl = stage.agent("carl")
    stage.takes(carl, "src/**", reason="refactoring")
    issue = stage.ada.opens_issue(stage.repo, "Slow log-in", labels=["locked:src/a.py"])
    stage.look()
    assert stage.locks() == {"src/**": "carl"}
    assert names(issue) == []
    (text,) = stage.said(issue)
    for word in ("`src/a.py` is not yours", "`carl`", carl.id, "08:30 UTC", "`refactoring`"):
        assert word in text
    # It is said once, however often it is heard of; asked anew, it is answered anew.
    stage.everything()
    assert len(stage.said(issue)) == 1
    stage.at()
    stage.ada.labels(issue, "locked:src/a.py")
    stage.look()
    assert names(issue) == []
    assert len(stage.said(issue)) == 2


def test_two_people_label_at_once_and_one_of_them_is_told(stage: Stage) -> None:
    first = stage.ada.opens_issue(stage.repo, "One", labels=["locked:src/"])
    second = stage.bob.opens_issue(stage.repo, "Two", labels=["locked:src/a.py"])
    stage.look()
    winners = [x for x in (first, second) if names(x) != []]
    assert len(winners) == 1
    assert len(stage.locks()) == 1
    (loser,) = [x for x in (first, second) if x not in winners]
    assert len(stage.said(loser)) == 1


def test_closing_an_issue_frees_its_locks_and_takes_the_labels_off(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "Slow", labels=["locked:api:login", "locked:doc/"])
    stage.look()
    assert sorted(stage.locks()) == ["api:login", "doc/**"]
    stage.ada.closes(issue)
    stage.look()
    assert (stage.locks(), stage.sessions(), names(issue)) == ({}, [], [])


def test_who_may_not_label_asks_for_nothing(stage: Stage) -> None:
    # Issue templates put labels on in the name of whoever fills them in.
    issue = stage.eve.opens_issue(stage.repo, "Mine!", labels=["locked:**"])
    stage.look()
    assert (stage.locks(), names(issue)) == ({}, [])
    (text,) = stage.said(issue)
    assert "`eve` may not ask" in text


def test_a_label_that_is_no_key_comes_off_with_the_reason(stage: Stage) -> None:
    issue = stage.ada.opens_issue(
        stage.repo, "Odd", labels=["locked:../etc/passwd", "locked:nonsense:x", "locked:src/`id`"]
    )
    stage.look()
    assert sorted(stage.locks()) == ["src/`id`"]
    assert names(issue) == ["coord:locks", "locked:src/`id`"]
    assert len(stage.said(issue)) == 2


def test_a_label_that_stays_keeps_its_lock_alive_and_gets_a_lapsed_one_back(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "Long", labels=["locked:src/"])
    stage.look()
    (before,) = stage.all(Lock)
    stage.at(3 * 3600)
    stage.everything()
    assert stage.all(Lock)[0].expires_at == before.expires_at
    stage.at(2 * 3600)
    stage.everything()
    (renewed,) = stage.all(Lock)
    assert (renewed.expires_at > before.expires_at, renewed.token) == (True, before.token)
    stage.at(10 * 3600)
    stage.everything()
    assert stage.locks() == {"src/**": "ada"}
    assert names(issue) == ["coord:locks", "locked:src/"]


def test_a_lock_that_was_taken_over_takes_its_label_with_it(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "Mine", labels=["locked:src/"])
    stage.look()
    carl = stage.agent("carl")
    stage.run(TakeOverLocks(keys=("src/a.py",), reason="ada is away"), carl.id)
    stage.everything()
    assert stage.locks() == {"src/a.py": "carl"}
    assert names(issue) == []
    assert "`carl`" in stage.said(issue)[0]


def test_a_session_that_a_person_ends_does_not_come_back_by_itself(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "Mine", labels=["locked:src/"])
    stage.look()
    (session,) = stage.sessions()
    stage.at()
    stage.run(KillSession(id=session.id, reason="we release today"))
    stage.everything()
    assert (stage.locks(), names(issue)) == ({}, [])
    assert "Somebody has ended what held `src/**`" in stage.said(issue)[0]
    stage.at()
    stage.ada.labels(issue, "locked:src/")
    stage.look()
    assert stage.locks() == {"src/**": "ada"}


def test_the_agent_of_a_label_is_the_assignee_where_there_is_one(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "For Bob", assignees=["bob"])
    stage.ada.labels(issue, "locked:src/")
    stage.look()
    assert stage.locks() == {"src/**": "bob"}


def test_an_issue_that_is_deleted_holds_nothing(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "Gone", labels=["locked:src/"])
    stage.look()
    stage.repo.issues.pop(issue.number)
    stage.everything()
    assert (stage.locks(), stage.sessions()) == ({}, [])


def test_a_label_that_nobody_is_known_to_have_put_on_is_its_authors(stage: Stage) -> None:
    for person in (stage.eve, stage.bob):
        issue = person.opens_issue(stage.repo, person.login)
        stage.bob.labels(issue, f"locked:{person.login}/")
        # GitHub's history may come after the label.
        issue.timeline.clear()
    stage.look()
    assert stage.locks() == {"bob/**": "bob"}
    eves, bobs = stage.repo.issues.values()
    assert (names(eves), names(bobs)) == ([], ["coord:locks", "locked:bob/"])
    assert "may not ask for locks" in stage.said(eves)[0]


@pytest.mark.parametrize("words", ["", " doc/", " doc/**"])
def test_a_comment_takes_off_what_a_label_spells_otherwise(stage: Stage, words: str) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One", labels=["locked:doc/"])
    stage.look()
    assert stage.locks() == {"doc/**": "ada"}
    stage.ada.comments(issue, f"/coord unlock{words}")
    stage.look()
    assert (stage.locks(), names(issue)) == ({}, [])


def test_a_label_that_is_renamed_or_deleted_everywhere_asks_for_that(stage: Stage) -> None:
    first = stage.ada.opens_issue(stage.repo, "One", labels=["locked:src/"])
    second = stage.ada.opens_issue(stage.repo, "Two", labels=["important"])
    stage.look()
    stage.ada.renames_label(stage.repo, "important", "locked:doc/")
    stage.look()
    assert stage.locks() == {"src/**": "ada", "doc/**": "ada"}
    stage.ada.deletes_label(stage.repo, "locked:src/")
    stage.look()
    assert (stage.locks(), names(first)) == ({"doc/**": "ada"}, [])
    assert names(second) == ["coord:locks", "locked:doc/"]


def test_an_old_delivery_that_comes_again_asks_for_nothing(stage: Stage) -> None:
    issue = stage.ada.opens_issue(stage.repo, "One", labels=["locked:src/"])
    deleted = stage.ada.comments(issue, "/coord lock doc/")
    old = list(stage.github.outbox)
    stage.ada.deletes(deleted)
    stage.ada.unlabels(issue, "locked:src/")
    stage.look()
    stage.mirror.look(stage.heard(old))
    assert (stage.locks(), stage.sessions(), stage.said(issue)) == ({}, [], [])


def test_keys_that_differ_in_case_alone_are_two_keys_and_two_labels(stage: Stage) -> None:
    stage.ada.makes_label(stage.repo, "locked:SRC/a.py", "ffffff", "")
    issue = stage.ada.opens_issue(stage.repo, "One")
    stage.ada.comments(issue, "/coord lock src/a.py")
    stage.look()
    stage.everything()
    assert stage.locks() == {"src/a.py": "ada"}
    (label,) = [one for one in issue.labels if one.name.startswith("locked:")]
    assert (label.name[:8], label.description) == ("locked:~", "src/a.py")
    stage.ada.comments(issue, "/coord unlock src/a.py")
    stage.look()
    assert (stage.locks(), names(issue)) == ({}, [])


def issue_url(stage: Stage, number: int) -> str:
    return f"{stage.github.base}/octo/project/issues/{number}"
