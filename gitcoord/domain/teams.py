"""Team files: who works together, in which role, and what each can do.

Promises that a refusal names every wrong field and the reason. Not here: reading the text, and
who of the team is there.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from gitcoord.domain.file_problems import Problem, at, read, refuse
from gitcoord.domain.names import checked_name
from gitcoord.errors import UsageError

#: Where a team's file is by default, from the root of the repository.
FILE = "teams.yaml"

Role = Literal["coordinator", "worker", "reviewer"]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One agent of a team, known by its name."""

    name: Text
    role: Role
    #: What it can do; tasks may require it.
    capabilities: tuple[Text, ...]
    description: Text


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """A team with its agents, in the order of the file."""

    team: str
    agents: tuple[Member, ...]

    def member(self, name: str) -> Member | None:
        """Return the agent of that name, or None."""
        return next((one for one in self.agents if one.name == name), None)

    def able(self, capability: str) -> list[Member]:
        """Return the agents that have the capability."""
        return [one for one in self.agents if capability in one.capabilities]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    team: Text
    agents: Annotated[list[Any], msgspec.Meta(min_length=1)]


def team_from(data: Any) -> Team:
    """Return the team that a file describes.

    Raises `InvalidFile` with `problems`: the place of each, such as `agents[0].role`, and why.
    """
    problems: list[Problem] = []
    file = read(data, _File, "", problems)
    if file is None:
        refuse(problems)
    assert file is not None
    members: list[Member] = []
    first: dict[str, int] = {}
    for number, entry in enumerate(file.agents):
        place = at("agents", number)
        member = read(entry, Member, place, problems)
        if member is None:
            continue
        members.append(member)
        problems += _name(at(place, "name"), "agent", member.name)
        for order, text in enumerate(member.capabilities):
            problems += _name(at(at(place, "capabilities"), order), "capability", text)
        if first.setdefault(member.name, number) != number:
            where = at(at("agents", first[member.name]), "name")
            problems.append(
                Problem(place=at(place, "name"), reason=f"{where} is {member.name!r} already")
            )
    refuse(problems)
    return Team(team=file.team, agents=tuple(members))


def _name(place: str, what: str, text: str) -> list[Problem]:
    """Return what is wrong with a name that a session is to have, if anything is."""
    try:
        checked_name(text, what)
    except UsageError as wrong:
        return [Problem(place=place, reason=wrong.message)]
    return []
