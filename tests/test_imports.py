"""No two files import each other, in functions or for types either; pyproject.toml orders the rooms."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"


def imports(root: Path) -> dict[str, set[str]]:
    """Module → the modules of the same tree it imports anywhere: in functions and for types as well."""
    paths = {_name(path.relative_to(root)): path for path in root.rglob("*.py")}
    return {
        name: set(_imported(name, path, paths.keys() | {""})) - {name, ""} for name, path in paths.items()
    }


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(name: str, path: Path, known: set[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, node.module or ""]).strip(".")
            for alias in node.names:
                # `from room import file` imports the file, `from room import name` the room's front door.
                inner = f"{base}.{alias.name}"
                yield inner if inner in known else base if base in known else ""


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Files that import each other, the first named again at the end; empty where there are none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # graphlib names the imported one first.
        return list(reversed(error.args[1]))
    return []


def test_no_two_files_import_each_other() -> None:
    graph = imports(SOURCE)
    assert "hilum.model.network" in graph["hilum.model.model"]
    assert not circle(graph), "files import each other: " + " -> ".join(circle(graph))


@pytest.mark.parametrize(
    "line",
    [
        "from room.one import x",
        "from room import one",
        "from .one import x",
        "from . import one",
        "import room.one",
        "def f():\n    from room.one import x",
        "if TYPE_CHECKING:\n    from room.one import x",
    ],
)
def test_a_circle_is_found_however_it_is_hidden(line, tmp_path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "__init__.py").write_text("from room.one import x\n")
    (room / "one.py").write_text("import json\nfrom room.two import y\n")
    (room / "two.py").write_text(f"{line}\n")
    assert set(circle(imports(tmp_path))) == {"room.one", "room.two"}


def test_a_file_that_imports_its_own_front_door_is_a_circle(tmp_path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "__init__.py").write_text("from room.one import x\n")
    (tmp_path / "room" / "one.py").write_text("from room import x\n")
    assert set(circle(imports(tmp_path))) == {"room", "room.one"}
