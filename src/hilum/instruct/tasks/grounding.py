"""Places: every abnormality with its boxes, outlines as boxes, foreign objects, and boxes put in words.

pairs = list(grounded_diagnosis(case))

All of the frontal image, in which the other places are asked for. "None" is answered only where absence is
known, and a box is put in words only where no other thing that is marked lies in the same place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from hilum.instruct.grounding import MOST
from hilum.instruct.label_state import KINDS_OF, LIKE
from hilum.instruct.qa_pairs import Case, Maker, QAPair, qa_pair
from hilum.instruct.records import RegionRecord
from hilum.instruct.tasks.perception import terms_of
from hilum.instruct.tasks.spec import Group, TaskSpec
from hilum.prompts import word
from hilum.reports import name_of
from hilum.study import BoxPart, Finding, Part, Presence, Task, Text, iou, write_box

MOST_IN_ALL = 5
"""Boxes of one image beyond which they are not all asked for, as in CheXinstruct."""
NORMAL_SHARE = 0.3
"""How often a normal image is asked for all its abnormalities."""
ABSENT_SHARE = 0.5
"""How often a label that is absent is asked for its boxes."""
SAME = 0.5
"""Intersection over union from which two boxes are in the same place."""
FOREIGN = "foreign object"

_RIB = re.compile(r"\bribs?\b", re.IGNORECASE)


def class_of(case: Case, region: RegionRecord) -> str:
    """What a region is one of: a word of the source's own where it is marked as that, else its finding."""
    phrase = region.phrase.lower()
    return phrase if phrase in terms_of(case) or region.finding is None else name_of(region.finding)


def _boxes(regions: Sequence[RegionRecord]) -> list[Part]:
    return [BoxPart(box) for box in sorted(region.box for region in regions)] or [Text("none")]


def detect_all(case: Case) -> Iterator[QAPair]:
    """Every abnormality by name with its box, from left to right; "none" for a normal image.

    Only where all that is there is boxed and plain to see, and where the source says what is absent, so that
    its list is one of all there is.
    """
    record, places = case.record, case.state.places()
    if case.image is None or Presence.ABSENT not in (*record.labels.values(), *record.terms.values()):
        return
    rng = case.rng("detect all")
    marked = [region for region in record.regions if region.view == case.state.frontal]
    boxed: set[object] = {region.finding for region in places} | {class_of(case, region) for region in places}
    maybe = (Presence.PRESENT, Presence.UNCERTAIN)
    there = [f for f in Finding if case.state.there(f) or record.labels.get(f) in maybe]
    # A finding that stands for others is boxed by any of them.
    wanted: list[set[object]] = [{f, *KINDS_OF.get(f, ()), *LIKE.get(f, ())} for f in there]
    wanted += [{term.lower()} for term, presence in record.terms.items() if presence in maybe]
    unboxed = [some for some in wanted if not some & boxed and Finding.NO_FINDING not in some]
    if not places and case.state.there(Finding.NO_FINDING) and not unboxed and rng.random() < NORMAL_SHARE:
        yield qa_pair(Task.DETECT_ALL, [case.image], word(Task.DETECT_ALL, rng), "none")
    elif 1 <= len(places) <= MOST_IN_ALL and len(marked) == len(places) and not unboxed:
        answer: list[Part] = []
        for region in sorted(places, key=lambda region: region.box):
            answer += [Text(f"{'; ' if answer else ''}{class_of(case, region)} "), BoxPart(region.box)]
        yield qa_pair(Task.DETECT_ALL, [case.image], word(Task.DETECT_ALL, rng), answer)


def ground_label(case: Case) -> Iterator[QAPair]:
    """The boxes of each of the source's own words that is marked, and none of one that is absent.

    The absent one is a word that is boxed in another study: of others "none" would be the only answer.
    """
    terms = terms_of(case)
    if case.image is None or not terms:
        return
    rng = case.rng("ground label")
    for name, regions in _by_name(case, lambda region: region.phrase.lower()).items():
        if terms.get(name) and name != FOREIGN and len(regions) <= MOST:
            question = word(Task.GROUND_LABEL, rng, name=name)
            yield qa_pair(Task.GROUND_LABEL, [case.image], question, _boxes(regions), name=_slug(name))
    boxed = {region.phrase.lower() for other in case.others for region in other.regions}
    absent = [name for name, there in terms.items() if not there and name in boxed and name != FOREIGN]
    if absent and rng.random() < ABSENT_SHARE:
        name = rng.choice(absent)
        question = word(Task.GROUND_LABEL, rng, name=name)
        yield qa_pair(Task.GROUND_LABEL, [case.image], question, "none", name=_slug(name))


def _by_name(case: Case, name: Callable[[RegionRecord], str]) -> Mapping[str, list[RegionRecord]]:
    """The plain places of the frontal image by what they are called; what has no name is left out."""
    found: dict[str, list[RegionRecord]] = {}
    for region in case.state.places():
        if name(region):
            found.setdefault(name(region), []).append(region)
    return found


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")


def _segment(
    task: Task, finding: Finding, such: Callable[[RegionRecord], bool] = lambda region: True
) -> Maker:
    """The boxes around each part of an outlined finding, or "none" where it is known to be absent."""

    def make(case: Case) -> Iterator[QAPair]:
        if case.image is None:
            return
        regions = [region for region in case.state.places() if region.finding is finding]
        outlined = [region for region in regions if region.mask is not None and such(region)]
        absent = case.state.there(finding) is False
        if not outlined and not absent:
            return
        rng = case.rng(task.value)
        absent = absent and case.balance.keep_unboxed(finding, rng, "outlined")
        if outlined or absent:
            yield qa_pair(task, [case.image], word(task, rng), _boxes(outlined))

    return make


pneumothorax = _segment(Task.SEGMENT_PNEUMOTHORAX, Finding.PNEUMOTHORAX)
rib_fracture = _segment(
    Task.SEGMENT_RIB_FRACTURE,
    Finding.FRACTURE,
    lambda region: bool(_RIB.search(region.phrase)),
)
chest_tube = _segment(Task.SEGMENT_CHEST_TUBE, Finding.CHEST_TUBE)


def foreign_objects(case: Case) -> Iterator[QAPair]:
    """The boxes of all foreign objects, or "none" where a reader has seen that there is none."""
    there = terms_of(case).get(FOREIGN)
    regions = [region for region in case.state.places() if region.phrase.lower() == FOREIGN]
    if case.image is not None and there is not None and there is bool(regions):
        question = word(Task.FOREIGN_OBJECTS, case.rng("foreign objects"))
        yield qa_pair(Task.FOREIGN_OBJECTS, [case.image], question, _boxes(regions))


def _marked(case: Case, name: Callable[[RegionRecord], str]) -> Iterator[tuple[str, str, list[RegionRecord]]]:
    """What the plain places are called, their boxes as text and the places: those that are nothing else's."""
    named = _by_name(case, name)
    for own, regions in named.items():
        others = [region for other, some in named.items() if other != own for region in some]
        shared = any(iou(one.box, two.box) > SAME for one in regions for two in others)
        if len(regions) <= MOST and not shared:
            yield own, "".join(map(write_box, sorted(region.box for region in regions))), regions


def grounded_caption(case: Case) -> Iterator[QAPair]:
    """The phrase for its boxes; a phrase that is but the name of a class is asked for as a diagnosis."""
    if case.image is None or not case.state.places():
        return
    rng = case.rng("grounded caption")
    for index, (phrase, boxes, regions) in enumerate(_marked(case, lambda region: region.phrase)):
        if phrase.lower() not in {class_of(case, region) for region in regions}:
            question = word(Task.GROUNDED_CAPTION, rng, boxes=boxes)
            yield qa_pair(Task.GROUNDED_CAPTION, [case.image], question, phrase, name=str(index))


def grounded_diagnosis(case: Case) -> Iterator[QAPair]:
    """The class of what lies in some boxes."""
    if case.image is None or not case.state.places():
        return
    rng = case.rng("grounded diagnosis")
    for name, boxes, _ in _marked(case, lambda region: class_of(case, region)):
        question = word(Task.GROUNDED_DIAGNOSIS, rng, boxes=boxes)
        yield qa_pair(Task.GROUNDED_DIAGNOSIS, [case.image], question, name, name=_slug(name))


def grounded_phrase(case: Case) -> Iterator[QAPair]:
    """The words of a report's section that mean what lies in some boxes, as they stand there."""
    report = case.record.report
    if case.image is None or report is None or not case.state.places():
        return
    rng = case.rng("grounded phrase")
    for index, (phrase, boxes, _) in enumerate(_marked(case, lambda region: region.phrase)):
        for text in (report.findings, report.impression):
            words = r"\s+".join(map(re.escape, phrase.strip(" .").split()))
            found = re.findall(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE) if words else []
            if len(found) == 1 and len(found[0]) < len(text.strip(" .")):
                question = word(Task.GROUNDED_PHRASE, rng, boxes=boxes, text=text)
                yield qa_pair(Task.GROUNDED_PHRASE, [case.image], question, found[0], name=str(index))
                break


def _spec(task: Task, name: str, make: Maker, needs: str, *sources: str, others: bool = False) -> TaskSpec:
    return TaskSpec(task, name, Group.FINE, (make,), f"a frontal image, {needs}", sources, others=others)


_VINDR = ("vindr-cxr", "vindr-pcxr")

SPECS = (
    _spec(
        Task.DETECT_ALL,
        "Abnormality Detection",
        detect_all,
        "a box for all that is there, and what is absent",
        *_VINDR,
    ),
    _spec(
        Task.GROUND_LABEL,
        "Abnormality Grounding",
        ground_label,
        "words of the source's own with boxes, or absent",
        *_VINDR,
        others=True,
    ),
    _spec(
        Task.SEGMENT_PNEUMOTHORAX,
        "Pneumothorax Segmentation",
        pneumothorax,
        "masks of a pneumothorax, or its absence",
        "candid-ptx",
        "siim-acr-pneumothorax",
    ),
    _spec(
        Task.SEGMENT_RIB_FRACTURE,
        "Rib Fracture Segmentation",
        rib_fracture,
        "masks of rib fractures, or the absence of any fracture",
        "candid-ptx",
    ),
    _spec(
        Task.SEGMENT_CHEST_TUBE,
        "Chest Tube Segmentation",
        chest_tube,
        "masks of chest tubes, or their absence",
        "candid-ptx",
    ),
    _spec(
        Task.FOREIGN_OBJECTS,
        "Foreign Object Detection",
        foreign_objects,
        "boxes of foreign objects, or their absence",
        "object-cxr",
    ),
    _spec(
        Task.GROUNDED_CAPTION,
        "Grounded Captioning",
        grounded_caption,
        "a phrase with its boxes",
        "ms-cxr",
    ),
    _spec(
        Task.GROUNDED_DIAGNOSIS,
        "Grounded Diagnosis",
        grounded_diagnosis,
        "a finding or word of the source's own with its boxes",
        "ms-cxr",
        *_VINDR,
    ),
    _spec(
        Task.GROUNDED_PHRASE,
        "Grounded Phrase Extraction",
        grounded_phrase,
        "a phrase with its boxes, a report that has it",
        "ms-cxr",
    ),
)
