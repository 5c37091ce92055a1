"""The data card: what is in a build, where it is from, on what terms, what was left out, and how it was made.

document = card.document(Plan(512, None, 0, views=3, tasks=CORE), entries, moved, guard)
card.markdown(document)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np

from hilum.errors import HilumError
from hilum.instruct.mixture import Mixture
from hilum.instruct.moves import Reason
from hilum.instruct.splits import Keys
from hilum.instruct.streams import KEPT, Stream
from hilum.instruct.task_chunks import Count, Labels, TaskResult
from hilum.sources import SOURCES
from hilum.study import Presence, Split, Task

_SHOWN = 8
"""Kinds of problem of a source that are shown at the end of a build."""

TABLES = ("conversations", "images", "studies")
"""The folders of shards; a dataset's configurations, the first the default."""

_REASONS = {
    Reason.PATIENT: "another study of their patient",
    Reason.PIXELS: "an image of the same pixels",
    Reason.COPY: "a copy of an image",
}

_NOTHING_ASKED = (
    "there is no conversation: nothing is known of these studies; add a table with reports or labels, "
    "or name other --tasks"
)

LABELS = 250
"""Labels of a source the card lists."""

KINDS = 40
"""Kinds of problem the card lists; the rest are added up."""


@dataclass(frozen=True)
class Plan:
    """The settings of a build, see `hilum.instruct.build`."""

    size: int
    limit: int | None
    seed: int
    views: int
    tasks: AbstractSet[Task]
    mixture: Mixture | None = None


@dataclass
class Entry:
    """What a build holds of one source.

    Args:
        problems: those that are listed; `kinds` counts all of them.
        left_out: what the source holds that is no chest film.
        notes: what is read of it and what is not.
        warnings: what makes it doubtful to learn from.
        failed: what broke it off.
    """

    source: str
    studies: Counter[Split] = field(default_factory=Counter)
    patients: Counter[Split] = field(default_factory=Counter)
    images: Counter[Split] = field(default_factory=Counter)
    counts: Count = field(default_factory=Counter)
    turns: Count = field(default_factory=Counter)
    about: Count = field(default_factory=Counter)
    shown: dict[tuple[Task, Split], list[Keys]] = field(default_factory=dict)
    labels: Labels = field(default_factory=Counter)
    problems: list[HilumError] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed: list[HilumError] = field(default_factory=list)

    def add(self, written: TaskResult) -> None:
        """Count a chunk."""
        for split, batch in written.studies.items():
            self.studies[split] += batch.num_rows
        self.counts.update(written.counts)
        self.turns.update(written.turns)
        self.about.update(written.about)
        self.labels.update(written.labels)
        for pair, images in written.shown.items():
            self.shown.setdefault(pair, []).append(images)

    def note(self, stream: Stream) -> None:
        """Take over what was left out of a source, or of one of its folders."""
        self.problems.extend(stream.problems.kept)
        self.kinds.update(stream.problems.counts)
        self.left_out.update(stream.left_out)
        self.notes.extend(stream.notes)
        self.warnings.extend(stream.warnings)
        if stream.failed is not None:
            self.failed.append(stream.failed)


def document(plan: Plan, entries: Sequence[Entry], moved: int, guard: Mapping[str, Any]) -> dict[str, Any]:
    """The card as plain data, which `card.json` holds.

    Args:
        moved: patients the leak guard put into another split than their hash would have.
        guard: what it moved and why, see `hilum.instruct.moves.to_json`.
    """
    splits = {split.value: _split(split, entries) for split in Split}
    counts = [row for entry in entries for row in _counts(entry)]
    warnings = [warning for entry in entries for warning in entry.warnings] + empty_splits(splits)
    warnings += [] if counts else [_NOTHING_ASKED]
    warnings += [] if plan.mixture is None else _of_mixture(plan.mixture, counts)
    return {
        "made_by": f"hilum {version('hilum')}",
        "size": plan.size,
        "limit": plan.limit,
        "seed": plan.seed,
        "views": plan.views,
        "tasks": [task.value for task in Task if task in plan.tasks],
        "mixture": plan.mixture and plan.mixture.to_json(),
        "sources": [_source(entry) for entry in entries],
        "splits": splits,
        "warnings": warnings,
        "moved_patients": moved,
        "leak_guard": guard,
        "counts": counts,
        "labels": [row for entry in entries for row in _labels(entry)],
        "problems": _kinds(sum((entry.kinds for entry in entries), Counter())),
    }


def _source(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.source,
        **_terms(entry.source),
        "studies": entry.studies.total(),
        "patients": entry.patients.total(),
        "images": entry.images.total(),
        "problems": _kinds(entry.kinds),
        "left_out": _kinds(entry.left_out),
        "notes": entry.notes,
        "failed": [str(error) for error in entry.failed],
    }


def _terms(name: str) -> dict[str, str]:
    source = SOURCES[name]
    return {"summary": source.summary, "terms": source.terms, "citation": source.citation}


def _split(split: Split, entries: Sequence[Entry]) -> dict[str, int]:
    return {
        "patients": sum(entry.patients[split] for entry in entries),
        "studies": sum(entry.studies[split] for entry in entries),
        "images": sum(entry.images[split] for entry in entries),
        "conversations": sum(n for e in entries for (_, own), n in e.counts.items() if own is split),
    }


def empty_splits(splits: Mapping[str, Mapping[str, int]]) -> list[str]:
    """A warning for each split that has no study."""
    return [
        f"no study is in {name}: where a source publishes splits, a table of it may be missing; else a "
        "patient's split is a hash of the id, so add patients, or a table with a column split"
        for name, counts in splits.items()
        if not counts["studies"]
    ]


def summary(document: Mapping[str, Any]) -> list[str]:
    """Lines for people: what is read of each source, the counts per split, and what to beware of."""
    lines: list[str] = []
    for source in document["sources"]:
        counts = list(source["problems"].items())[:_SHOWN]
        lines += [f"{source['name']}: {note}" for note in source["notes"]]
        lines += [f"{source['name']}: {count:,} × {problem}" for problem, count in counts]
        more = len(source["problems"]) - len(counts)
        lines += [f"{source['name']}: and {more:,} more kinds of problem"] if more else []
    for name, counts in document["splits"].items():
        lines.append(f"{name}: " + ", ".join(f"{count:,} {thing}" for thing, count in counts.items()))
    if "leak_guard" in document:
        lines += [f"leak guard: {line}" for line in guard_lines(document["leak_guard"])]
    return lines + [f"warning: {warning}" for warning in document["warnings"]]


def guard_lines(guard: Mapping[str, Any]) -> list[str]:
    """What the leak guard found, a line for each thing that there is to say."""
    lines = []
    if guard["compared"]:
        found = f"{guard['copies']:,} pairs of them are copies between patients"
        lines.append(f"{guard['compared']:,} images compared, {found}")
    elif guard["compared"] is None:
        lines.append("copies of films were not looked for")
    for own in guard["test_images_in_train"]:
        both = own["same_pixels"] + own["copies"]
        how = f"{own['same_pixels']:,} the same pixels, {own['copies']:,} copies"
        lines.append(
            f"{both:,} of {own['test_images']:,} test images of {own['source']} were in train too ({how})"
        )
    for own in guard["moved"]:
        if own["studies"]:
            such = "".join(
                f", such as {move['study']} from {move['from']} to {move['to']} with {move['with']}"
                for move in own["examples"][:1]
            )
            lines.append(f"{own['studies']:,} studies moved for {_REASONS[own['reason']]}{such}")
    return lines


def _counts(entry: Entry) -> Iterator[dict[str, Any]]:
    for task in Task:
        for split in Split:
            if count := entry.counts[task, split]:
                yield {
                    "source": entry.source,
                    "task": task.value,
                    "split": split.value,
                    "conversations": count,
                    "questions": entry.turns[task, split],
                    "studies": entry.about[task, split],
                    "images": len(np.unique(np.concatenate(entry.shown[task, split]))),
                }


def _labels(entry: Entry) -> list[dict[str, Any]]:
    """What most studies of a source state something of, the most frequent first."""
    told: Counter[str] = Counter()
    for (label, _), count in entry.labels.items():
        told[label] += count
    return [
        {
            "source": entry.source,
            "label": label,
            **{presence.value: entry.labels[label, presence] for presence in Presence},
        }
        for label, _ in sorted(told.items(), key=lambda item: (-item[1], item[0]))[:LABELS]
    ]


def _kinds(counts: Mapping[str, int]) -> dict[str, int]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kinds = dict(ordered[:KINDS])
    if rest := sum(count for _, count in ordered[KINDS:]):
        kinds["other"] = rest
    return kinds


def problem_lines(entries: Sequence[Entry]) -> str:
    """One JSON object a line for each problem: source, thing, problem, remedy."""
    lines = []
    for entry in entries:
        for error in entry.failed + entry.problems:
            row = {
                "source": entry.source,
                "thing": error.thing,
                "problem": error.problem,
                "remedy": error.remedy,
            }
            lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(lines)


def markdown(card: Mapping[str, Any]) -> str:
    """The card for people."""
    views = f"at most {card['views']} views" if card["views"] else "the frontal view, unnamed"
    limit = "all studies" if card["limit"] is None else f"at most {card['limit']} studies of each source"
    tasks = _table(
        ("Source", "Task", *(f"{split.value}" for split in Split)),
        _by_task(card["counts"]),
    )
    splits = _table(
        ("Split", "Patients", "Studies", "Images", "Conversations"),
        [(name, *row.values()) for name, row in card["splits"].items()],
    )
    sources = "\n".join(_about(source) for source in card["sources"])
    problems = "Nothing.\n"
    if card["problems"]:
        problems = f"One by one in `problems.jsonl`, at most {KEPT:,} of a source.\n\n"
        problems += _table(("Problem", "Times"), list(card["problems"].items()))
    warnings = "".join(f"- {warning}\n" for warning in card["warnings"])
    return f"""{_front_matter(card)}# Data card

For research only. Made by {card["made_by"]}: {limit}, images of at most
{card["size"]} pixels on the short side, seed {card["seed"]}; a report is asked for with {views}.

Patients are put into a split by a hash of their id, so that the same patient is in the same split of every
build; patients that share an image{_or_copies(card)} go together ({card["moved_patients"]} had to move). No
patient and no image is in two splits.

## Splits

{splits}
{warnings}
{_guarded(card["leak_guard"])}## Sources

{sources}
## Conversations by source, task and split

In train several short questions about one image share a conversation, which is counted under the task of its
first question; in val and test every question stands alone.

{tasks}
{_mixed(card)}## Left out

{problems}"""


def _or_copies(card: Mapping[str, Any]) -> str:
    return " or copies of one" if card["leak_guard"]["compared"] else ""


def _guarded(guard: Mapping[str, Any]) -> str:
    """What the leak guard did, with examples; nothing where there was nothing to do."""
    lines = guard_lines(guard)
    if not lines:
        return ""
    rows = [
        (own["reason"], move["study"], move["from"], move["to"], move["with"])
        for own in guard["moved"]
        for move in own["examples"]
    ]
    examples = _table(("Moved for", "Study", "From", "To", "With"), rows) + "\n" if rows else ""
    return "## Leak guard\n\n" + "".join(f"- {_cell(line)}\n" for line in lines) + "\n" + examples


def _of_mixture(mixture: Mixture, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warnings of what a mixture names in vain, and of one that leaves nothing."""
    counts = _in_train(rows)
    unheard = [
        f"the mixture names {name}, of which train has no conversation" for name in mixture.unheard(counts)
    ]
    empty = "by the mixture's weights training draws nothing"
    return unheard + ([] if any(mixture.shares(counts).values()) else [empty])


def shares(card: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """The share that each task and source has of what training draws by the mixture; nothing without one."""
    if card["mixture"] is None:
        return {}
    return Mixture(**card["mixture"]).shares(_in_train(card["counts"]))


def _in_train(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """Conversations of train by task and source."""
    train = (row for row in rows if row["split"] == Split.TRAIN.value)
    return {(row["task"], row["source"]): row["conversations"] for row in train}


def _mixed(card: Mapping[str, Any]) -> str:
    """The mixture; nothing where there is none."""
    if card["mixture"] is None:
        return ""
    rows = [(source, task, f"{share:.2%}") for (task, source), share in shares(card).items()]
    said = f"Training draws by weights and the temperature {card['mixture']['temperature']:g}."
    return f"## Mixture\n\n{said}\n\n{_table(('Source', 'Task', 'Share'), rows)}\n"


def _front_matter(card: Mapping[str, Any]) -> str:
    """What `datasets.load_dataset` reads of a folder: which files are which table's which split."""
    lines = ["---", "pretty_name: Hilum instruction data", "tags: [chest-x-ray, radiology]", "configs:"]
    for table in TABLES:
        # A split without rows has no file, and one that finds no file would stop the others from loading.
        names = [name for name, counts in card["splits"].items() if counts[table]]
        if names:
            lines += [f"- config_name: {table}", *["  default: true"] * (table == TABLES[0]), "  data_files:"]
        for name in names:
            lines += [f"  - split: {name}", f"    path: {table}/{name}-*.parquet"]
    return "\n".join([*lines, "---", "", ""])


def _about(source: Mapping[str, Any]) -> str:
    lines = [
        f"### {source['name']}\n",
        f"{source['summary']}. Terms: {source['terms']}. Cite: {source['citation']}.\n",
        f"{source['patients']} patients, {source['studies']} studies, {source['images']} images.\n",
    ]
    lines += [f"{note}.\n" for note in source["notes"]]
    if source["left_out"]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in source["left_out"].items())
        lines.append(f"Not about chest films, and not used: {kinds}.\n")
    lines += [f"It broke off: {error}\n" for error in source["failed"]]
    return "\n".join(lines)


def _by_task(counts: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    rows: dict[tuple[str, str], Counter[str]] = {}
    for row in counts:
        own = rows.setdefault((row["source"], row["task"]), Counter())
        own[row["split"]] += row["conversations"]
    return [(*key, *(own[split.value] for split in Split)) for key, own in rows.items()]


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(value) for value in line) + " |\n" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
