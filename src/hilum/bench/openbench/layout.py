"""Blocks as items of CheXbench's JSON.

items = rows(block, seed=0)      # dictionaries with CheXbench's keys, and `id` and `patient` besides

An `id` is a hash of what is asked and what is right, without the order of the options: the same question on
the same film has it in every build.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import Any

from hilum.bench.chexbench.tasks import CHOICES, FINDINGS, GROUNDING, OPTIONS, SUMMARY
from hilum.bench.items import digest
from hilum.bench.openbench.blocks import Block, arrange
from hilum.bench.openbench.candidates import Candidate
from hilum.study import write_box

Row = dict[str, Any]


def rows(block: Block, seed: int) -> list[Row]:
    """The items of a block, in its order."""
    # A source may ask the same in many words, which must not tell the films of a block apart.
    question = min(member.question for member in block)
    pairs = zip(block, arrange(block, seed), strict=True)
    return [_row(replace(member, question=question), options) for member, options in pairs]


def _row(member: Candidate, options: tuple[str, ...]) -> Row:
    files = [file_of(image) for image in member.images]
    about: Row = {"data_source": member.source, "slice": member.part}
    if member.task in CHOICES:
        slots = dict(zip_longest(OPTIONS, options))
        # Each picture's path in one string, as CheXbench has it; the others' are lists.
        shown: Row = {"image_path": "|".join(files), "question": member.question}
        row = about | shown | slots | {"answer": options.index(member.answer)}
    elif member.task == GROUNDING:
        assert member.box is not None
        row = about | {"image_path": files, "question": member.question, "answer": write_box(member.box)}
    else:
        indication, findings, impression = member.texts
        asked: dict[str, Row] = {
            FINDINGS: {"section_indication": indication, "section_findings": findings},
            SUMMARY: {"section_findings": findings, "section_impression": impression},
        }
        row = about | {"image_path": files} | asked[member.task]
    # The place of the right option is no part of what is asked.
    right = (
        [*sorted(options), member.answer] if member.task in CHOICES else [row.get("answer"), *member.texts]
    )
    told = [member.task, row["image_path"], member.question, *right]
    return row | {"id": digest(told), "patient": member.patient}


def file_of(image: str) -> str:
    """The name of a film's file in the folder of images."""
    return f"{image}.png"
