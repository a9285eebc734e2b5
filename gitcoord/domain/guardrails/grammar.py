"""The grammar of bash, as tree-sitter knows it, loaded when the first text needs it.

Not here: what a tree means.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


_SHOWN = bytes(code if code < 128 else ord(".") for code in range(256))


def parse(data: bytes) -> Node:
    """Return the root of the tree of a script in UTF-8; whatever is wrong with it is in the tree.

    https://github.com/tree-sitter/tree-sitter-bash
    Its scanner asks C what kind of character each one is, with tables that end at 255: beyond
    them it reads whatever memory is there, or ends the process. To a shell all those characters
    are parts of words, so that each of their bytes is shown to it as a dot; places stay the same.
    """
    return _parser().parse(data if data.isascii() else data.translate(_SHOWN)).root_node


@cache
def _parser() -> Parser:
    from tree_sitter import Language, Parser

    return Parser(Language(_language()))


def _language() -> object:
    """Return the grammar.

    The package's own `__init__` imports importlib.resources, for query files that nobody here
    reads; that takes longer than all the rest of a judgement. So the compiled module beside it
    is loaded alone, and the package where that is not found.
    """
    from importlib.machinery import PathFinder
    from importlib.util import find_spec, module_from_spec

    package = find_spec("tree_sitter_bash")
    places = package.submodule_search_locations if package is not None else None
    spec = PathFinder.find_spec("_binding", places) if places is not None else None
    if spec is None or spec.loader is None:
        from tree_sitter_bash import language

        return language()
    binding = module_from_spec(spec)
    spec.loader.exec_module(binding)
    return binding.language()
