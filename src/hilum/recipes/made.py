"""What a run folder is of and what it holds already; what somebody else put there is left alone.

made = Made(Path("quickstart"))
made.claim({"recipe": {…}, "data_key": "3f9c…"})        # refused where it is another run's
if made.lacks("model", key):
    model.save(Path("quickstart/model"))
    made.note("model", key)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hilum.errors import UsageError
from hilum.files import MARK, require_ours, write_json

LAYOUT = 2
"""Of a run folder; one of another layout is refused."""


class Made:
    """A run folder's `recipe.json` and `made.json`."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def claim(self, settings: Mapping[str, Any]) -> None:
        """Say whose folder it is: one recipe's, with its seed and its data; another run would mix the two.

        Raises:
            UsageError: it is another run's, or holds something else.
        """
        path = self.out / "recipe.json"
        mine = json.loads(json.dumps({**settings, "made_by": MARK, "layout": LAYOUT}))
        if path.is_file():
            self._require_same(read_json(path), mine)
        elif self.out.is_dir() and any(self.out.iterdir()):
            raise UsageError(self.out, "is not empty and holds no run", "choose another --out")
        write_json(path, mine)

    def _require_same(self, held: object, mine: Mapping[str, Any]) -> None:
        remedy = "choose another --out or remove it"
        if not isinstance(held, dict) or not isinstance(held.get("recipe"), dict):
            raise UsageError(self.out / "recipe.json", "is damaged", remedy)
        if held.get("layout") != LAYOUT:
            raise UsageError(self.out, "holds a run of an earlier version of Hilum", remedy)
        named = {"recipe": (held["recipe"].get("name"), mine["recipe"]["name"])}
        named |= {"seed": (held["recipe"].get("seed"), mine["recipe"]["seed"])}
        named |= {"data": (held.get("data_key"), mine["data_key"])}
        for what, (theirs, ours) in named.items():
            if theirs != ours:
                raise UsageError(self.out, f"holds a run with other settings ({what})", remedy)

    def lacks(self, name: str, key: str) -> bool:
        """Whether a model or a tokenizer has still to be made by this key.

        Raises:
            UsageError: it has, and its folder holds what Hilum did not write: best told before any work.
        """
        folder = self.out / name
        whole = (folder / "hilum.json").is_file() or (folder / "config.json").is_file()
        if whole and self._keys().get(name) == key:
            return False
        require_ours(folder)
        return True

    def note(self, name: str, key: str) -> None:
        """Remember by which key a folder was made."""
        write_json(self.out / "made.json", {**self._keys(), "made_by": MARK, name: key})

    def _keys(self) -> dict[str, str]:
        """Folder of the run → the key by which it was made."""
        held = read_json(self.out / "made.json")
        return held if isinstance(held, dict) else {}


def read_json(path: Path) -> object:
    """What a JSON file holds; None where it is not there, or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
