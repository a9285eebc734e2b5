"""Logging in and out: cookies, tokens of forms, scopes, and this machine itself."""

from __future__ import annotations

from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from tests.conftest import first_commit
from tests.webhook.dashboard.conftest import LOGIN, Opener, Site
from tests.webhook.dashboard.markup import Markup
from tests.webhook.dashboard.world import Ledger
from webhook.dashboard import cookie
from webhook.dashboard.cookie import Cookies, Pass, fresh
from webhook.dashboard.ended import Ended
from webhook.dashboard.pages import PAGES
from webhook.private import Private

LOCAL = "http://127.0.0.1:8750"


def token(site: Site) -> str:
    return Markup(site.browser.get(LOGIN).text).token()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.template)
def test_no_page_is_shown_without_a_log_in(opened: Opener, page: object) -> None:
    site = opened()
    path = getattr(page, "path").replace(":path", "").replace("{", "").replace("}", "")  # noqa: B009
    answer = site.get(f"{path}?a=1")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"{LOGIN}?next=%2Fdashboard%2Fp%2Fweb")
    assert site.get(path, X_Fragment="1").status_code == 401
    stream = site.browser.get("/dashboard/events?project=web")
    assert (stream.status_code, stream.text) == (204, "")


def test_the_root_leads_to_the_dashboard_and_on_to_the_first_project(opened: Opener) -> None:
    site = opened()
    assert site.browser.get("/").headers["Location"] == "/dashboard"
    site.enter("read")
    assert site.browser.get("/dashboard").headers["Location"] == "/dashboard/p/web"


@pytest.mark.parametrize("scope", ["read", "agent", "admin"])
def test_a_key_of_any_scope_opens_the_pages_and_leads_back(opened: Opener, scope: str) -> None:
    site = opened()
    wanted = f"{site.base}/tasks?view=graph"
    answer = site.submit(LOGIN, LOGIN, key=site.key(scope), next=wanted)  # type: ignore[arg-type]
    assert (answer.status_code, answer.headers["Location"]) == (303, wanted)
    assert "lena" in site.page().text


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(opened: Opener) -> None:
    site = opened()
    for url, secure in (("http://testserver", False), ("https://testserver", True)):
        site.browser = site.another(url=url)
        answer = site.submit(LOGIN, LOGIN, key=site.key("read"), next="/dashboard")
        found = SimpleCookie(answer.headers["Set-Cookie"])[cookie.NAME]
        assert (found["httponly"], found["samesite"], found["path"]) == (
            True,
            "strict",
            "/dashboard",
        )
        assert bool(found["secure"]) is secure
        assert 0 < int(found["max-age"]) <= cookie.LIFE


@pytest.mark.parametrize("wrong", ["", "gc_000000000000_" + "A" * 43, "x" * 4000, "ключ"])
def test_a_wrong_key_opens_nothing(opened: Opener, wrong: str) -> None:
    site = opened()
    answer = site.submit(LOGIN, LOGIN, key=wrong, next="/dashboard")
    assert answer.status_code == 403
    assert "unknown, or was revoked" in Markup(answer.text).text
    assert site.get().status_code == 303


def test_a_revoked_key_ends_its_log_ins_at_once(opened: Opener) -> None:
    site = opened().enter("admin")
    assert site.get().status_code == 200
    (key,) = site.service.keys.list()
    site.service.keys.revoke(key.id, at=0.0)
    assert site.get().status_code == 303


def test_a_log_out_needs_the_token_and_forgets_the_keys(opened: Opener) -> None:
    site = opened().enter()
    assert site.browser.post("/dashboard/logout", data={"token": "x"}).status_code == 403
    assert site.get().status_code == 200
    assert site.submit(site.base, "/dashboard/logout").headers["Location"] == LOGIN
    assert site.get().status_code == 303


def copied(site: Site) -> dict[str, str]:
    """Return the cookies as somebody has them who has copied them."""
    return dict(site.browser.cookies)


def test_a_log_out_ends_the_log_in_for_whoever_has_copied_its_cookie(
    opened: Opener, two: Site
) -> None:
    site = opened().enter("admin")
    thief, page = site.another(), site.page()
    thief.cookies.update(copied(site))
    assert thief.get(site.base).status_code == 200
    site.submit(site.base, "/dashboard/logout")
    assert thief.get(site.base).status_code == 303
    assert thief.get("/dashboard/events?project=web").status_code == 204
    action = f"{site.base}/sessions/s-1/pause"
    answer = thief.post(action, data={"token": page.token()})
    assert answer.headers["Location"].startswith(LOGIN)
    # Who adds a project gets another cookie; who then logs out is out of the first one, too.
    two.enter("read", "api")
    older = two.another()
    older.cookies.update(copied(two))
    assert older.get("/dashboard/p/api").status_code == 200
    two.enter("read", "web")
    assert older.get("/dashboard/p/api").status_code == 303


def test_another_service_with_the_same_file_knows_of_a_log_out(opened: Opener) -> None:
    first = opened()
    second = Site(first.service.settings.projects, first.service.settings.state)
    first.enter("read")
    second.browser.cookies.update(copied(first))
    assert second.get().status_code == 200
    first.submit(first.base, "/dashboard/logout")
    assert second.get().status_code == 303
    second.close()


def test_ended_log_ins_are_kept_for_as_long_as_their_cookies_last(tmp_path: Path) -> None:
    private = Private(str(tmp_path / "own.sqlite"))
    ended, first, second = Ended(private), fresh(["k"], 0.0), fresh(["k"], 10.0)
    ended.add(first, 1.0)
    ended.add(first, 1.0)
    assert (ended.has(first), ended.has(second)) == (True, False)
    ended.add(second, float(cookie.LIFE))
    assert (ended.has(first), ended.has(second)) == (False, True)
    private.close()


def test_a_log_in_makes_a_new_pass_so_that_a_planted_one_is_worth_nothing(opened: Opener) -> None:
    site = opened()
    planted = token(site)
    site.enter()
    assert token(site) != planted
    answer = site.browser.post("/dashboard/logout", data={"token": planted})
    assert answer.status_code == 403


def test_cookies_of_others_and_those_whose_time_is_over_are_nobodys(tmp_path: Path) -> None:
    private = Private(str(tmp_path / "own.sqlite"))
    cookies, others = (Cookies(one * 32, Ended(private)) for one in (b"a", b"b"))
    shown = fresh(["k"], 1000.0)
    text = cookies.sealed(shown)
    assert cookies.opened(text, 1000.0) == shown
    assert cookies.opened(text, 1000.0 + cookie.LIFE) is None
    body, _, mac = text.rpartition(".")
    longer = cookies.sealed(Pass(("k",), 10**10, shown.nonce)).rpartition(".")[0]
    for wrong in ("", ".", "x", body, f"{longer}.{mac}", text[:-1], others.sealed(shown), "é.é"):
        assert cookies.opened(wrong, 1000.0) is None, wrong
    assert not others.matches(shown, cookies.token(shown))
    assert cookies.matches(shown, cookies.token(shown))
    private.close()


@pytest.mark.parametrize(
    "place",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/dashboard/../x",
     "javascript:alert(1)", "/dashboardx", "/dashboard/\r\nX: 1", "", "/api/v1/status"],
)  # fmt: skip
def test_a_log_in_leads_to_pages_of_ours_only(opened: Opener, place: str) -> None:
    answer = (site := opened()).submit(LOGIN, LOGIN, key=site.key("read"), next=place)
    assert answer.headers["Location"] == "/dashboard"


def test_log_ins_are_counted(opened: Opener) -> None:
    site = opened(rate=8)
    shown = token(site)
    statuses = [
        site.browser.post(LOGIN, data={"token": shown, "key": "x"}).status_code for _ in range(4)
    ]
    assert statuses[:2] == [403, 403]
    assert statuses[-1] == 429


def test_what_is_not_a_form_of_this_visitor_is_refused(opened: Opener) -> None:
    site = opened()
    good, key = token(site), site.key("admin")
    stranger = site.another()
    other = Markup(stranger.get(LOGIN).text).token()
    body = {"key": key, "next": "/dashboard"}
    for wrong in ("", "x", other, "é"):
        assert site.browser.post(LOGIN, data=body | {"token": wrong}).status_code == 403
    for headers in (
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):  # fmt: skip
        answer = site.browser.post(LOGIN, data=body | {"token": good}, headers=headers)
        assert answer.status_code == 403, headers
    assert site.browser.post(LOGIN, json=body | {"token": good}).status_code == 415
    odd = site.browser.post(
        LOGIN,
        content=b"token=%FF\xff",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert odd.status_code == 400
    assert site.get().status_code == 303
    headers = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
    answer = site.browser.post(LOGIN, data=body | {"token": good}, headers=headers)
    assert answer.status_code == 303


def test_a_link_from_another_site_is_asked_for_again_with_the_cookie(opened: Opener) -> None:
    site = opened().enter()
    # Browsers keep a strict cookie back when another site leads here.
    stranger = site.another()
    answer = stranger.get(site.base, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text
    assert "Set-Cookie" not in answer.headers


@pytest.fixture
def two(opened: Opener, tmp_path: Path) -> Site:
    places = {name: first_commit(tmp_path / name) for name in ("api", "web")}
    for place in places.values():
        Ledger(place).begun().close()
    return opened(places)


def test_a_log_in_sees_the_projects_of_its_keys_and_no_other(two: Site) -> None:
    two.enter("read", "api")
    assert "/dashboard/p/web" not in two.page().links()
    hidden = two.browser.get("/dashboard/p/web")
    missing = two.browser.get("/dashboard/p/none")
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert Markup(hidden.text).text.replace("web", "") == Markup(missing.text).text.replace(
        "none", ""
    )
    assert two.browser.get("/dashboard/events?project=web").status_code == 204
    two.enter("admin", "web")
    page = two.page()
    assert {"/dashboard/p/web", "/dashboard/p/api"} <= set(page.links())
    # A newer key takes the place of an older one of its project.
    assert "lena read" in page.text
    two.enter("admin", "api")
    assert "lena admin" in two.page().text


@pytest.mark.parametrize("url", [LOCAL, "http://localhost:1", "http://[::1]:8750"])
def test_this_machine_needs_no_log_in_if_the_operator_says_so(opened: Opener, url: str) -> None:
    site = opened(loopback_dashboard=True)
    for host in ("127.0.0.1", "::1"):
        site.browser = site.another(host, url)
        assert "no log-in" in site.page().text
    closed = opened()
    closed.browser = closed.another("127.0.0.1", url)
    assert closed.get().status_code == 303


@pytest.mark.parametrize(
    ("host", "url", "headers"),
    [
        # Another machine; a name that somebody let point here; pages of others; a proxy.
        ("192.0.2.7", LOCAL, {}),
        ("127.0.0.1", "http://evil.example:8750", {}),
        ("127.0.0.1", "http://127.0.0.1.evil.example", {}),
        ("127.0.0.1", LOCAL, {"Origin": "http://evil.example"}),
        ("127.0.0.1", LOCAL, {"Origin": "http://127.0.0.1:9999"}),
        ("127.0.0.1", LOCAL, {"Origin": "null"}),
        ("127.0.0.1", LOCAL, {"Sec-Fetch-Site": "cross-site"}),
        ("127.0.0.1", LOCAL, {"Sec-Fetch-Site": "same-site"}),
        ("127.0.0.1", LOCAL, {"X-Forwarded-For": "192.0.2.7"}),
        ("127.0.0.1", LOCAL, {"Forwarded": "for=192.0.2.7"}),
    ],
)
def test_others_need_one_however_they_get_here(
    opened: Opener, host: str, url: str, headers: dict[str, str]
) -> None:
    site = opened(loopback_dashboard=True)
    browser = site.another(host, url)
    assert browser.get(site.base, headers=headers).status_code in (200, 303)
    assert "Sessions" not in browser.get(site.base, headers=headers).text
    assert browser.get("/dashboard/events?project=web", headers=headers).status_code == 204


def test_without_a_log_in_a_form_needs_its_token_all_the_same(opened: Opener) -> None:
    site = opened(loopback_dashboard=True)
    ledger = Ledger(site.service.settings.projects["web"])
    ledger.enter("s-1", "ada")
    site.browser = site.another("127.0.0.1", LOCAL)
    page, head = site.page(), ledger.head()
    action = f"{site.base}/sessions/s-1/kill"
    assert site.browser.post(action, data={"reason": "x"}).status_code == 403
    assert site.browser.post(action, data={"reason": "x", "token": "y"}).status_code == 403
    assert ledger.head() == head
    fields = {"reason": "x", "token": page.token()}
    assert site.browser.post(action, data=fields).status_code == 303
    assert ledger.head() != head
    ledger.close()
