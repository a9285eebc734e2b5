"""YAML and JSON files with their lines, so that a refusal names the line of what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from gitcoord.entrypoints.cli.task_source import read_text
from gitcoord.errors import InvalidFile

if TYPE_CHECKING:
    import yaml

#: Problems that the message repeats; the details have all.
_TOLD = 5
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class Marked(NamedTuple):
    """What a file holds, as plain data, and where it stands."""

    name: str
    data: Any
    root: yaml.Node | None

    def line(self, place: str) -> int:
        """Return the line, from 1, of a place such as `agents[0].role`, or of what it is in."""
        node, found = self.root, 1
        for field, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", place):
            node, found = _below(node, field, number, found)
            if node is None:
                break
        return found

    @contextmanager
    def named(self) -> Iterator[None]:
        """Give a refusal of the file's content the name of the file and the lines."""
        try:
            yield
        except InvalidFile as wrong:
            problems = [
                {**one, "line": self.line(one["place"])} for one in wrong.details["problems"]
            ]
            told = [
                f"{self.name}:{one['line']}: {one['place'] or 'the file'}: {one['reason']}"
                for one in problems[:_TOLD]
            ]
            more = [f"and {len(problems) - _TOLD} more"] if len(problems) > _TOLD else []
            details = {**wrong.details, "problems": problems, "file": self.name}
            raise InvalidFile("\n".join([*told, *more]), hint=wrong.hint, **details) from wrong


def read_marked(path: str, directory: str) -> Marked:
    """Return what a YAML or JSON file holds, relative to `directory`; "-" is standard input.

    Times stay the texts that they are. Raises `InvalidFile` also for a key that is given twice.
    """
    text = read_text(path, directory)
    import yaml

    try:
        loader = _loader()(text)
        node = loader.get_single_node()
        data = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, RecursionError, ValueError) as wrong:
        words = " ".join(str(wrong).split())
        raise InvalidFile(f"{path} is neither YAML nor JSON: {words}", file=path) from wrong
    marked = Marked(path, data, node)
    _refuse_doubles(path, node, set())
    return marked


def _loader() -> type[yaml.SafeLoader]:
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {
            first: [pair for pair in pairs if pair[0] != _TIMESTAMP]
            for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    return Loader


def _below(node: Any, field: str, number: str, line: int) -> tuple[Any, int]:
    """Return the node of a field or entry with its line; None where there is none."""
    import yaml

    if number and isinstance(node, yaml.SequenceNode) and int(number) < len(node.value):
        found = node.value[int(number)]
        return found, found.start_mark.line + 1
    if field and isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == field:
                return value, key.start_mark.line + 1
    return None, line


def _refuse_doubles(path: str, node: Any, seen: set[int]) -> None:
    import yaml

    # An alias is a node that was met already.
    if id(node) in seen or not isinstance(node, yaml.CollectionNode):
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_doubles(path, item, seen)
        return
    names: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = str(key.value)
        if name in names:
            raise InvalidFile(
                f"{path}:{line}: {name!r} stands in line {names[name]} already",
                file=path,
                line=line,
            )
        names[name] = line
        _refuse_doubles(path, value, seen)
