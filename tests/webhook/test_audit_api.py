"""The audit over HTTP: our routes."""

from __future__ import annotations

from tests.webhook.served import Served, problem


def test_who_asked_for_what_is_found_in_pages(served: Served) -> None:
    ada, bob = served.agent("ada"), served.agent("bob")
    assert ada.post("/locks", {"keys": ["src/**"]}).status_code == 200
    problem(bob.post("/locks", {"keys": ["src/a.py"]}), 409, "lock_held")
    (refused,) = bob.get("/audit?outcome=refused").json()["entries"]
    assert (refused["agent"], refused["outcome"], refused["spooled"]) == ("bob", "lock_held", True)
    assert (refused["commit"], refused["place"]) == (None, None)
    (taken,) = bob.get("/audit?agent=ada&operation=lock.&key=src%2Fb.py").json()["entries"]
    assert (taken["operation"], taken["session"]) == ("lock.acquire", ada.id)
    whole = bob.get("/audit").json()
    assert whole["known_from"] is None
    found, cursor = [], ""
    for _ in range(10):
        page = bob.get(f"/audit?limit=2&cursor={cursor}").json()
        found += page["entries"]
        if (cursor := page["next"]) is None:
            break
    assert found == whole["entries"]
    assert bob.get("/audit?until=1h").json()["entries"] == []
    for query in ("since=soon", "outcome=a%20b", "cursor=x", "limit=0"):
        problem(bob.get(f"/audit?{query}"), 400, "invalid_value")
    problem(bob.get("/audit?key=..%2Fx"), 400, "invalid_key")


def test_the_whole_audit_is_for_admins(served: Served) -> None:
    ada = served.agent("ada")
    ada.post("/locks", {"keys": ["src/**"]})
    problem(ada.get("/audit/export"), 403, "forbidden")
    admin = served.key("admin")
    exported = served.call("GET", "/audit/export", key=admin).json()["entries"]
    assert exported == ada.get("/audit").json()["entries"]
    some = served.call("GET", "/audit/export?agent=ada&operation=lock.", key=admin).json()
    assert [one["operation"] for one in some["entries"]] == ["lock.acquire"]
