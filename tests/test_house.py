"""The house rules, checked: import law, file sizes, names, who may print, the error family.

Everything here reads the source; nothing of it runs but import-linter and the
error tables.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from gitcoord import __version__, errors

ROOT = Path(__file__).resolve().parent.parent
CODE = sorted([*ROOT.glob("gitcoord/**/*.py"), *ROOT.glob("webhook/**/*.py")])
PACKAGE = [path for path in CODE if path.is_relative_to(ROOT / "gitcoord")]
LINES = 400
FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"}

#: Doors may meet an unknown exception last of all and turn it into exit code 1.
LAST_CATCH = {"gitcoord/entrypoints/main.py", "gitcoord/entrypoints/hooks/door.py"}

#: What the rules may import of the standard library: nothing that reads a clock, a disk,
#: the network, chance or the environment. `import_module` finds a rule by its name.
PURE = {
    "__future__", "base64", "bisect", "collections", "contextlib", "copy", "datetime",
    "difflib", "enum", "functools", "hashlib", "heapq", "importlib", "itertools", "math",
    "operator", "re", "string", "textwrap", "types", "typing", "unicodedata", "fnmatch", "shlex",
    # The grammar of the shell.
    "tree_sitter", "tree_sitter_bash",
    # Cedar: a function of policies, a schema and a question, all of them texts.
    "cedarpy",
}  # fmt: skip


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path)))


def is_attribute(node: ast.AST, module: str, *names: str) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in names
        and isinstance(node.value, ast.Name)
        and node.value.id == module
    )


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def project_files() -> list[Path]:
    """Every text that belongs to the project: what git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not in a git checkout")
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def test_files_import_only_from_rooms_below_their_own() -> None:
    run = "from importlinter.cli import lint_imports_command as run; run()"
    lint = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", run, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_the_rules_import_only_errors_msgspec_and_the_pure_standard_library() -> None:
    ours = ("gitcoord.domain.", "gitcoord.errors.", "msgspec.")
    wrong = [
        f"{relative(path)}:{line} imports {name}"
        for path in ROOT.glob("gitcoord/domain/**/*.py")
        for line, name in imports(path)
        if not f"{name}.".startswith(ours) and name.split(".")[0] not in PURE
    ]
    assert wrong == []


def test_the_rules_ask_no_clock() -> None:
    wrong = [
        f"{relative(path)}:{node.lineno}"
        for path in ROOT.glob("gitcoord/domain/**/*.py")
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
        if ast.unparse(node.value).split(".")[-1] in {"datetime", "date"}
    ]
    assert wrong == []


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    sizes = {relative(path): len(path.read_bytes().splitlines()) for path in CODE}
    assert {name: size for name, size in sizes.items() if size > LINES} == {}


def test_every_module_says_what_it_promises() -> None:
    silent = [
        relative(path)
        for path in CODE
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    paths = [*CODE, *ROOT.glob("tests/**/*.py"), *ROOT.glob("bench/**/*.py")]
    words = {relative(path): set(re.split(r"[/_.]", relative(path).lower())) for path in paths}
    assert [name for name, parts in words.items() if parts & FORBIDDEN_NAMES] == []


def is_blind(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(k, ast.Name) and k.id in {"Exception", "BaseException"} for k in kinds)


def test_nobody_swallows_an_exception_it_does_not_know() -> None:
    wrong = [
        f"{relative(path)}:{node.lineno}"
        for path in PACKAGE
        if relative(path) not in LAST_CATCH
        for node in nodes(path)
        if isinstance(node, ast.ExceptHandler) and is_blind(node)
        if not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    ]
    assert wrong == []


def test_only_doors_read_the_environment() -> None:
    wrong = [
        f"{relative(path)}:{node.lineno}"
        for path in CODE
        if not relative(path).startswith("gitcoord/entrypoints/")
        and relative(path) != "webhook/settings.py"
        for node in nodes(path)
        if is_attribute(node, "os", "environ", "environb", "getenv", "putenv")
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {alias.name for alias in node.names} & {"environ", "environb", "getenv"}
        )
    ]
    assert wrong == []


def test_only_doors_print() -> None:
    wrong = [
        f"{relative(path)}:{node.lineno}"
        for path in CODE
        if not relative(path).startswith("gitcoord/entrypoints/")
        for node in nodes(path)
        if is_attribute(node, "sys", "stdout", "stderr", "stdin")
        or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"print", "input"}
        )
    ]
    assert wrong == []


def family(of: type[errors.GitcoordError]) -> Iterator[type[errors.GitcoordError]]:
    yield of
    for kind in of.__subclasses__():
        yield from family(kind)


FAMILY = [
    kind for kind in family(errors.GitcoordError) if kind.__module__.startswith("gitcoord.errors.")
]


def test_every_error_has_a_code_of_its_own_and_says_what_it_means() -> None:
    codes = Counter(kind.code for kind in FAMILY)
    assert [code for code, count in codes.items() if count > 1] == []
    assert [kind.__name__ for kind in FAMILY if "code" not in vars(kind)] == []
    assert [kind.__name__ for kind in FAMILY if not kind.__doc__] == []
    assert [code for code in codes if not re.fullmatch(r"[a-z]+(_[a-z]+)*", code)] == []


def test_errors_are_defined_in_one_room() -> None:
    names = {kind.__name__ for kind in FAMILY}
    wrong = [
        f"{relative(path)}:{node.lineno} {node.name}"
        for path in CODE
        if not relative(path).startswith("gitcoord/errors/")
        for node in nodes(path)
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).split(".")[-1] in names for base in node.bases)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("branch", "code"),
    [
        (errors.UsageError, 2),
        (errors.Refused, 3),
        (errors.Contended, 4),
        (errors.Unavailable, 5),
        (errors.Damaged, 6),
    ],
)
def test_every_error_has_the_exit_code_of_its_family(
    branch: type[errors.GitcoordError], code: int
) -> None:
    from gitcoord.entrypoints.cli.failures import EXIT_CODES

    found = {
        kind.__name__: next((EXIT_CODES[base] for base in kind.__mro__ if base in EXIT_CODES), None)
        for kind in family(branch)
    }
    assert {name: exit_code for name, exit_code in found.items() if exit_code != code} == {}


def test_every_error_belongs_to_one_of_the_five_families() -> None:
    branches = {
        errors.UsageError,
        errors.Refused,
        errors.Contended,
        errors.Unavailable,
        errors.Damaged,
    }
    assert set(errors.GitcoordError.__subclasses__()) == branches


# Where somebody's checkout stood says nothing to others. Spelled apart so that this file
# passes its own test. The routes of Agent Coordinator's queue are no such place.
MACHINE_PATH = re.compile(
    r"(?<![\w.*~$}-])/" + r"(?:work/(?!(?:claim|complete|submit|get)\b)|root/)"
)


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    wrong = []
    for path in project_files():
        text = path.read_bytes().decode("utf-8", "replace")
        if MACHINE_PATH.search(text) or f"{ROOT}/" in text:
            wrong.append(relative(path))
    assert wrong == []


def test_no_commit_message_names_a_path_of_the_machine_it_was_written_on() -> None:
    log = subprocess.run(
        ["git", "log", "--format=%H%n%B"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if log.returncode:
        pytest.skip("no history here")
    assert MACHINE_PATH.findall(log.stdout) == []


def test_the_package_and_its_metadata_have_the_same_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__


def test_the_constraints_pin_every_dependency_and_name_no_address() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert lines == sorted(lines, key=lambda line: line.split("==")[0].lower())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    names = {re.split(r"[\[<>=]", need)[0].lower() for need in wanted} - {"gitcoord"}
    assert names - {line.split("==")[0].lower() for line in lines} == set()


def test_the_readme_has_exactly_two_set_up_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"<!-- begin: (\w+) command -->\n```sh\n(.+)\n```\n<!-- end: \1", readme)
    assert [name for name, _ in found] == ["demo", "test"]
    assert all(command.count("pip install") == 1 for _, command in found)
    assert readme.count("pip install") == 2
