"""Writing files so that nothing half-written is ever left, and nothing that is not Hilum's is ever lost.

with atomic_path("table.csv") as tmp:        # tmp becomes the file only when the block ends well
    table.write_csv(tmp)
with atomic_folder("shards") as tmp:         # tmp is an empty folder
    (tmp / "card.json").write_text(card)

What stands at a path is replaced only if Hilum made it. A folder says so by `.hilum.json`, written with it,
which lists all that Hilum put there: whatever else it holds, or was changed since, is somebody's own. A file
says so by the line `MARK` in its first or last bytes.

The work is done in `.NAME.hilum/` beside the output, under a lock which the system drops when the process
ends, however it ends: a second writer is refused, and what a killed one left is cleared up by the next.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from hilum.errors import HilumError, UsageError

MARK = "written by Hilum, which may replace this file"
MANIFEST = ".hilum.json"
_ENDS = 4096
"""Bytes at either end of a file in which `MARK` is looked for."""
_LOCK, _REPLACED, _REMOVED = ".hilum-lock", ".hilum-replaced", ".hilum-removed"
_UNFINISHED = ".tmp" + 6 * "[0-9A-Za-z]"
"""What safetensors writes first, beside the file that is to be; killed, it leaves it."""
_PRIVATE = "hilum-private-"
_SETTLED = 60.0
"""Seconds after which a private folder that nobody holds is not one just made, but a killed process's."""
_MOVE_IT = "move it elsewhere, or choose another folder"

PathLike = str | os.PathLike[str]
Recognise = Callable[[Path], bool]


@contextmanager
def atomic_path(path: PathLike, *, ours: Recognise | None = None) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` in one step when the block succeeds.

    When the block raises, also on Ctrl-C or a full disk, the temporary is removed and whatever stood at
    `path` before still stands. Errors name `path`, not the temporary, of which the user has never heard.

    Args:
        path: the file; where it is a link, what it leads to is meant.
        ours: whether Hilum wrote the file that stands there; `is_marked` when None.

    Raises:
        UsageError: what stands there is not Hilum's.
    """
    final = _final(path)
    require_ours(path, ours=ours)
    with _workplace(final, path, wait=True) as scratch:
        tmp = scratch / final.name
        yield tmp
        if tmp.is_dir():
            _swap(tmp, final, path, names_only=False)
        else:
            if not final.is_dir():  # the system's own error says it better
                require_ours(path, ours=ours)
            tmp.replace(final)


@contextmanager
def atomic_folder(path: PathLike, *, names_only: bool = False, wait: bool = False) -> Iterator[Path]:
    """Yield an empty temporary folder that becomes `path` in one step when the block succeeds.

    Args:
        path: the folder; a missing or empty one, or one that Hilum wrote and nobody has touched since.
        names_only: a file that Hilum wrote may be replaced even if it was changed since.
        wait: for another process that is writing it, instead of raising.

    Raises:
        UsageError: the folder holds something that Hilum did not write, or another process is writing it.
    """
    final = _final(path)
    if _holds(final, Path.cwd()):  # it is replaced as a whole, and the shell would stand nowhere
        raise UsageError(path, "holds the folder you are in", "name a new folder")
    if final.is_mount():
        raise UsageError(path, "is a mount point, which cannot be replaced", "name a folder inside it")
    _require_our_folder(final, path, names_only=names_only)
    with _workplace(final, path, wait=wait) as scratch:
        tmp = scratch / final.name
        tmp.mkdir()
        yield tmp
        _swap(tmp, final, path, names_only=names_only)


@contextmanager
def only_writer(path: PathLike) -> Iterator[None]:
    """Keep every other process from writing `path` by this module while the block lasts.

    Raises:
        UsageError: another process is writing it.
    """
    with _workplace(_final(path), path, wait=False):
        yield


def remove_folder(path: Path, *, names_only: bool = False) -> None:
    """Delete a folder that Hilum wrote; one that holds anything else is kept, with a warning."""
    problem = ("is a link",) if path.is_symlink() else _foreign(path, names_only)
    if problem is not None:
        warnings.warn(f"{path}: is kept, because it {problem[0]}", stacklevel=2)
        return
    with _workplace(path, path, wait=False) as scratch:
        path.replace(scratch / _REMOVED)


def sweep(folder: Path) -> None:
    """Clear up what killed processes were writing in `folder`, and put back what they had moved aside."""
    for scratch in folder.glob(".*.hilum"):
        if (scratch / _LOCK).is_file():
            with suppress(UsageError), only_writer(folder / scratch.name[1:].removesuffix(".hilum")):
                pass  # entering and leaving is what clears up; one still being written is left


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder for what nobody else may see, such as patients' films, which is gone when the block ends.

    What a killed process left of such folders is deleted by the next.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_PRIVATE}*"):
        with suppress(OSError):  # held by a process that runs, another user's, or just gone
            _delete_left(left)
    with tempfile.TemporaryDirectory(prefix=_PRIVATE) as made, (Path(made) / _LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(made)


def _delete_left(folder: Path) -> None:
    status = (folder / _LOCK).stat()
    if folder.is_symlink() or status.st_uid != os.getuid() or time.time() - status.st_mtime < _SETTLED:
        return
    with (folder / _LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)


def write_text(path: PathLike, text: str, *, ours: Recognise | None = None) -> None:
    """Write UTF-8 text atomically; see `atomic_path`."""
    with atomic_path(path, ours=ours) as tmp:
        tmp.write_text(text, encoding="utf-8")


def write_json(path: PathLike, value: Any) -> None:
    """Write one JSON document atomically, keys in their given order.

    Raises:
        UsageError: a file stands there that neither carries `MARK` nor has the keys of `value`.
        ValueError: a number is not finite.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(path, text, ours=lambda old: is_marked(old) or _has_keys_of(old, value))


def is_marked(path: Path) -> bool:
    """Whether a file says that Hilum wrote it."""
    with path.open("rb") as file:
        ends = file.read(_ENDS)
        file.seek(max(0, path.stat().st_size - _ENDS))
        return MARK.encode() in ends + file.read()


def require_ours(path: PathLike, *, ours: Recognise | None = None) -> None:
    """Refuse a path where something stands that Hilum did not write; best asked before any work.

    Raises:
        UsageError: it would be lost, or nothing can be written there.
    """
    final = _final(path)
    _require_reachable(final, path)
    if final.is_dir():
        _require_our_folder(final, path, names_only=False)
    elif final.exists() and not (final.is_file() and (ours or is_marked)(final)):
        problem = "exists, and nothing in it says that Hilum wrote it"
        raise UsageError(path, problem, "choose another path, or delete it if you do not need it")


def _require_reachable(final: Path, shown: PathLike) -> None:
    """Refuse a path below a file, or in a folder that may not be written."""
    folder = next(parent for parent in final.parents if parent.exists())
    if not folder.is_dir():
        raise UsageError(shown, f"lies below {folder}, which is a file", "name a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(shown, f"lies in {folder}, where you may not write", "choose another path")


def refuse_overlap(out: PathLike, inputs: Iterable[PathLike]) -> None:
    """Refuse an output that is an input, holds one or lies in one, by whatever names and links.

    Links inside the folders of the input are followed. An input that is not there is for its reader to name.

    Raises:
        UsageError: it does.
    """
    final = _final(out)
    remedy = "choose a path away from all inputs"
    for given in inputs:
        source = _final(given)
        folders, homes = _linked(source)
        for folder in (source, *folders):
            if _holds(folder, final):
                what = "is" if _holds(final, folder) else "lies inside"
                raise UsageError(out, f"{what} the input {os.fspath(given)}", remedy)
        if any(_holds(final, place) for place in (source, *folders, *homes)):
            raise UsageError(out, f"holds the input {os.fspath(given)}", remedy)


def _final(path: PathLike) -> Path:
    return Path(os.path.realpath(path))


def _holds(folder: Path, path: Path) -> bool:
    """Whether `path` is `folder` or lies in it; hard links and letter case are the system's to compare."""
    return any(_same(folder, at) for at in (path, *path.parents))


def _same(one: Path, other: Path) -> bool:
    return one == other or (one.exists() and other.exists() and one.samefile(other))


def _linked(source: Path) -> tuple[set[Path], set[Path]]:
    """The folders that links inside a folder lead to, links in those included, and those of linked files."""
    folders: set[Path] = set()
    homes: set[Path] = set()
    waiting = [source]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:  # unreadable: for its reader to name
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif entry.is_symlink():
                    target = _final(entry.path)
                    if not target.is_dir():
                        homes.add(target.parent)
                    elif target in (source, *source.parents, *Path(entry.path).parents):
                        continue  # in a circle; nobody means all of the disk by it
                    elif target not in folders:
                        folders.add(target)
                        waiting.append(target)
    return folders, homes


@contextmanager
def _workplace(final: Path, shown: PathLike, *, wait: bool) -> Iterator[Path]:
    """The folder beside `final` in which alone its next content is made, and which errors do not name."""
    scratch = final.with_name(f".{final.name}.hilum")
    lock: IO[str] | None = None
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(scratch, shown, wait=wait)
        _clear(scratch, final)
        yield scratch
    except BaseException as error:
        places = (scratch / final.name, scratch / _REPLACED, scratch)
        _name_as_the_user_did(error, {str(place): os.fspath(shown) for place in places})
        raise
    finally:
        if lock is not None:
            _clear(scratch, final)
            (scratch / _LOCK).unlink(missing_ok=True)
            lock.close()
        with suppress(OSError):  # not empty: another process has come in since
            scratch.rmdir()


def _lock(scratch: Path, shown: PathLike, *, wait: bool) -> IO[str]:
    """Hold the scratch folder's lock; the file that carries it also says that the folder is Hilum's."""
    while True:
        with suppress(FileExistsError):  # not `exist_ok`: that looks again, when it may be gone
            scratch.mkdir()
        # Not found: the writer before has just cleared up; once more.
        with suppress(FileNotFoundError), ExitStack() as unless_held:
            present = [entry.name for entry in scratch.iterdir()]
            if present and _LOCK not in present:
                problem = f"is made in the folder {scratch.name} beside it, which holds {min(present)}"
                raise UsageError(shown, problem, "move or rename that folder, which Hilum did not make")
            lock = unless_held.enter_context((scratch / _LOCK).open("a"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                problem = "is being written by another process"
                raise UsageError(shown, problem, "wait for its end, or choose another path") from None
            if os.path.samestat(os.fstat(lock.fileno()), (scratch / _LOCK).stat()):
                unless_held.pop_all()
                return lock


def _clear(scratch: Path, final: Path) -> None:
    """Put back what was moved aside and never replaced; delete the rest of Hilum's own scratch."""
    aside = scratch / _REPLACED
    if aside.exists():
        if not final.exists():
            aside.replace(final)
        else:
            _require_our_folder(aside, aside, names_only=True)
    for path in (aside, scratch / _REMOVED, scratch / final.name, *scratch.glob(_UNFINISHED)):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _swap(tmp: Path, final: Path, shown: PathLike, *, names_only: bool) -> None:
    """Put a finished folder where it belongs; one interrupted between the moves is put right by `_clear`."""
    _write_manifest(tmp)
    aside = tmp.with_name(_REPLACED)
    if final.is_dir():
        final.replace(aside)
        # Only now can nobody add to it any more.
        _require_our_folder(aside, shown, names_only=names_only)
    tmp.replace(final)
    if aside.exists():
        aside.replace(aside.with_name(_REMOVED))


def _write_manifest(folder: Path) -> None:
    """List a folder's content; the list is as old as its newest entry, so that later changes show."""
    entries: dict[str, int | None] = {}
    newest = 0
    for name, entry in _entries(folder):
        status = entry.stat(follow_symlinks=False)
        entries[name] = None if entry.is_dir(follow_symlinks=False) else status.st_size
        newest = max(newest, status.st_mtime_ns)
    path = folder / MANIFEST
    path.write_text(json.dumps({"made_by": "Hilum", "entries": entries}, indent=0) + "\n", encoding="utf-8")
    os.utime(path, ns=(newest, newest))


def _read_manifest(folder: Path) -> tuple[dict[str, int | None], int] | None:
    """The entries of a folder that Hilum wrote, and the time in ns after which none of them was changed."""
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["made_by"] == "Hilum" and isinstance(document["entries"], dict):
            return document["entries"], path.stat().st_mtime_ns
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass  # none, or somebody else's of that name
    return None


def _require_our_folder(folder: Path, shown: PathLike, *, names_only: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(shown, "is a file", "name a folder")
    problem = _foreign(folder, names_only) if folder.is_dir() else None
    if problem:
        raise UsageError(shown, *problem)


def _foreign(folder: Path, names_only: bool) -> tuple[str, str] | None:
    """The first entry of a folder that would be lost with it, as a problem and its remedy."""
    manifest = _read_manifest(folder)
    if manifest is None:
        for name, _ in _entries(folder):
            problem = f"holds {name.rstrip('/')}, and no record ({MANIFEST}) that Hilum wrote it"
            remedy = "choose another folder, or delete this one if nothing in it is yours"
            return problem, f"{remedy} (what earlier versions of Hilum wrote has no record)"
        return None
    listed, newest = manifest
    for name, entry in _entries(folder):
        if name == MANIFEST:
            continue
        if name not in listed:
            return f"holds {name.rstrip('/')}, which Hilum did not write", _MOVE_IT
        size = listed[name]
        if size is None or names_only:
            continue
        status = entry.stat(follow_symlinks=False)
        if status.st_size != size or status.st_mtime_ns > newest:
            return f"holds {name}, which was changed or copied after Hilum wrote it", _MOVE_IT
    return None


def _entries(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All that a folder holds, with its path in it; a folder's ends in "/", a link's or device's in "//"."""
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        with os.scandir(folder / prefix) as found:
            for entry in sorted(found, key=lambda e: e.name):
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    name += "/"
                    waiting.append(name)
                elif not entry.is_file(follow_symlinks=False):
                    name += "//"
                yield name, entry


def _has_keys_of(path: Path, value: Any) -> bool:
    """Whether a file holds a JSON document of the same form: equal keys, or a list of such."""
    try:
        return bool(_form(json.loads(path.read_text(encoding="utf-8"))) == _form(value))
    except (ValueError, RecursionError):
        return False


def _form(value: Any) -> Any:
    if isinstance(value, dict):
        return set(value)
    return [_form(value[0])] if isinstance(value, list) and value else type(value)


def _name_as_the_user_did(error: BaseException, names: Mapping[str, str]) -> None:
    """Put the paths that the user knows into an error and into those that led to it."""

    def named(text: Any) -> Any:
        if isinstance(text, str | os.PathLike):
            text = os.fspath(text)
        if isinstance(text, str):
            for ours, theirs in names.items():
                text = text.replace(ours, theirs)
        return text

    step: BaseException | None = error
    seen: set[int] = set()
    while step is not None and id(step) not in seen:
        seen.add(id(step))
        step.args = tuple(named(word) for word in step.args)
        for attribute in ("filename", "filename2", "thing", "problem"):
            if getattr(step, attribute, None) is not None:
                setattr(step, attribute, named(getattr(step, attribute)))
        step = step.__cause__ or step.__context__


@dataclass
class Problems:
    """What was skipped and why, so that one bad row never stops a build yet none is lost from sight.

    Every problem is counted by kind; the first `keep` are kept whole.
    """

    keep: int = 1000
    kept: list[HilumError] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, error: HilumError) -> None:
        """Count a problem and keep it if there is room."""
        self.counts[error.problem] += 1
        if len(self.kept) < self.keep:
            self.kept.append(error)

    def __len__(self) -> int:
        return sum(self.counts.values())
