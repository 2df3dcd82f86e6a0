"""docs/develop.md's layers: which room may import which, and no circle between files."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Room or file -> our rooms and files that it may import, besides itself.
MAY_IMPORT = {
    "layout": set(),
    "settings": set(),
    "wanted": {"layout", "settings"},
    "facts": {"layout"},
    "services": {"facts", "layout", "settings", "wanted"},
    "preflight": {"facts", "layout", "services", "settings", "wanted"},
    "operations": {"facts", "layout", "services"},
    "deploy": {"facts", "operations", "preflight", "services", "wanted"},
    "tasks": {"facts", "layout", "operations", "preflight", "services", "settings", "wanted"},
    "remote": set(),  # only Debian's python3 is there
    "testbed": {"settings", "tasks"},
    "bench": {"facts", "services", "settings", "testbed"},
    "docs": {"services", "settings"},
    "inventories": set(),
    # They judge the product, and may use all of it; nothing imports them.
    "acceptance": {"facts", "layout", "preflight", "services", "settings", "tasks", "testbed"}
    | {"tests", "wanted"},
}
#: `make fact` cannot pass an argument: without one, the fact looks at the services of services/.
EXCEPTIONS = {("facts/services.py", "services")}


@cache
def files() -> dict[str, Path]:
    """Return module -> file, of all our files."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    found = {}
    for name in listed:
        path = Path(name)
        if (ROOT / path).exists():
            module = path.with_suffix("")
            parts = module.parts[:-1] if module.name == "__init__" else module.parts
            found[".".join(parts).removeprefix("remote.")] = path
    return found


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, in functions as well."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def ours(path: Path) -> set[str]:
    """Return our modules that a file imports."""
    return imports(path) & files().keys()


def room(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_room_imports_only_what_lies_below_it(name: str) -> None:
    for path in files().values():
        if room(path) == name:
            wanted = {room(files()[module]) for module in ours(path)} - {name}
            excused = {each for file, each in EXCEPTIONS if file == str(path)}
            assert wanted <= MAY_IMPORT[name] | excused, path


def test_every_room_has_its_place() -> None:
    assert {room(path) for path in files().values()} - {"tests"} == MAY_IMPORT.keys()


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = {
        str(path): {str(files()[module]) for module in ours(path)} - {str(path)}
        for path in files().values()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_programs_for_the_host_need_nothing_but_debians_python() -> None:
    for path in files().values():
        if room(path) == "remote":
            own = {module.partition(".")[0] for module in ours(path)}
            needed = {module.partition(".")[0] for module in imports(path)}
            assert needed <= sys.stdlib_module_names | own, path


def test_wanted_state_is_made_without_pyinfra() -> None:
    for path in files().values():
        if room(path) in ("settings", "wanted", "services"):
            assert not any(each.startswith("pyinfra") for each in imports(path)), path
