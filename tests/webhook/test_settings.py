"""What the operator may say, and which file is the service's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gitcoord.errors import InvalidConfig, InvalidUrl, NotARepository
from webhook.problems import STATUSES
from webhook.settings import Settings, checked, is_url, origins, projects, state_file


def test_projects_are_named_folders_and_urls() -> None:
    words = ["web=../web", "api=https://host.example/a.git", "c=git@host.example:x/y.git"]
    found = projects([*words, "d=/srv/d"], "/srv/here")
    assert found == {
        "web": "/srv/here/../web",
        "api": "https://host.example/a.git",
        "c": "git@host.example:x/y.git",
        "d": "/srv/d",
    }
    assert [name for name, place in found.items() if is_url(place)] == ["api", "c"]
    assert projects([], "/srv/here") == {"default": "/srv/here"}


@pytest.mark.parametrize(
    "words", [["web"], ["=x"], ["web="], ["Web=x"], ["a/b=x"], ["../a=x"], ["a=x", "a=y"]]
)
def test_what_is_no_project_is_refused(words: list[str]) -> None:
    with pytest.raises(InvalidConfig):
        projects(words, "/srv/here")


@pytest.mark.parametrize("place", ["nowhere", "https://", "ssh://-x/y", "https://a.example:x/y"])
def test_a_place_that_cannot_be_served_is_refused(repo: str, place: str) -> None:
    checked({"web": repo, "api": "https://host.example/a.git", "c": "git@host.example:x.git"}, {})
    for places in ({"api": place}, {"web": repo, "api": place}):
        with pytest.raises((InvalidUrl, NotARepository)) as refused:
            checked(places, {})
        assert ("project api: " in refused.value.message) == (len(places) == 2)


def test_an_origin_is_what_browsers_send() -> None:
    good = ("https://a.example", "http://localhost:3000", "chrome-extension://abc", "*")
    assert origins(good) == good
    for wrong in ("a.example", "https://a.example/", "https://A.example", "https://", "null", ""):
        with pytest.raises(InvalidConfig, match="not an origin"):
            origins([*good, wrong])


def test_the_own_file_is_beside_the_only_ledger_or_with_the_users_state(
    repo: str, tmp_path: Path
) -> None:
    own = state_file(None, {"default": repo}, {})
    assert own == str(Path(repo, ".git", "gitcoord", "service.sqlite"))
    several = {"a": repo, "b": "https://host.example/b.git"}
    home = {"XDG_STATE_HOME": str(tmp_path)}
    assert state_file(None, several, home) == str(tmp_path / "gitcoord" / "service.sqlite")
    assert state_file(str(tmp_path / "x"), several, home) == str(tmp_path / "x")
    with pytest.raises(NotARepository) as refused:
        state_file(None, {"default": str(tmp_path)}, {})
    assert "--project" in (refused.value.hint or "")


def test_what_is_not_said_is_safe() -> None:
    plain = Settings({}, "")
    assert plain.loopback
    assert not Settings({}, "", host="0.0.0.0").loopback
    assert not plain.loopback_dashboard
    assert not plain.private_notifications
    assert not plain.behind_proxy
    assert not plain.run_checks
    assert plain.origins == ()


def test_the_page_about_the_service_has_every_status_and_every_switch() -> None:
    page = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
    table = page.partition("| status | when |")[2].partition("##")[0]
    named = {int(word) for word in re.findall(r"\b[45]\d\d\b", table)}
    assert named == {*STATUSES.values(), 401, 415, 429} - {500}
    for switch in (
        "--require-key-everywhere",
        "--behind-proxy",
        "--origin",
        "--rate",
        "--log",
        "--run-checks",
    ):
        assert switch in page
