"""What may be asked of a study: which findings are there, which are not, and which nobody knows.

state = LabelState(record)
state.there(Finding.PNEUMOTHORAX)      # True, False, or None: then it is not asked

Absence is taken from a source only where it says so: by a label, by a report that denies the finding, or by
a list of facts that is complete.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property

from hilum.instruct.records import RegionRecord, StudyRecord
from hilum.reports import extract_facts
from hilum.study import DEVICES, Fact, Finding, Presence

SHOWN = 0.3
"""Visibility from which a place is asked for."""
HIDDEN = 0.1
"""Visibility below which a finding is not asked about in an image."""

KINDS_OF: Mapping[Finding, frozenset[Finding]] = {
    Finding.SUPPORT_DEVICES: frozenset(DEVICES),
    Finding.LUNG_LESION: frozenset({Finding.NODULE, Finding.MASS, Finding.GRANULOMA}),
}
"""Findings that are there whenever one of these is."""

LIKE: Mapping[Finding, frozenset[Finding]] = {
    Finding.LUNG_OPACITY: frozenset(
        {
            Finding.CONSOLIDATION,
            Finding.PNEUMONIA,
            Finding.EDEMA,
            Finding.ATELECTASIS,
            Finding.INFILTRATION,
            Finding.NODULE,
            Finding.MASS,
            Finding.FIBROSIS,
        }
    ),
    Finding.CONSOLIDATION: frozenset({Finding.PNEUMONIA}),
    Finding.INFILTRATION: frozenset({Finding.PNEUMONIA, Finding.CONSOLIDATION, Finding.EDEMA}),
    Finding.ENLARGED_CARDIOMEDIASTINUM: frozenset({Finding.CARDIOMEGALY}),
    Finding.NODULE: frozenset({Finding.GRANULOMA}),
}
"""Findings that one could also call what these are: beside one of these, their absence means nothing."""

Tally = Counter[tuple[Finding, str]]
"""How many studies of a source have each finding ("there"), are known not to have it ("absent"), and have a
box ("boxed") or a mask ("outlined") of it in the frontal image."""


class LabelState:
    """What is known of one study, seen from its frontal image."""

    def __init__(self, record: StudyRecord) -> None:
        self.record = record
        self.frontal = record.frontal
        self._known: dict[Finding, bool | None] = {}

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """The study's facts; beside an incomplete list also what its report states or denies."""
        facts, report = self.record.facts, self.record.report
        if self.record.facts_complete or report is None:
            return facts
        given = {fact.finding for fact in facts}
        return (*facts, *(fact for fact in extract_facts(report.text) if fact.finding not in given))

    @cached_property
    def present(self) -> Mapping[Finding, tuple[Fact, ...]]:
        """Findings that are there and can be seen in the frontal image, each with its facts."""
        found: dict[Finding, tuple[Fact, ...]] = {}
        for fact in self.facts:
            if fact.presence is Presence.PRESENT and self.there(fact.finding):
                found[fact.finding] = (*found.get(fact.finding, ()), fact)
        return found

    def single(self, finding: Finding) -> Fact | None:
        """The one fact about a finding; None when there are several, of which a question could mean any."""
        facts = self.present.get(finding, ())
        return facts[0] if len(facts) == 1 else None

    def there(self, finding: Finding) -> bool | None:
        """Whether a finding is there; None when nobody knows or the frontal image does not show it."""
        if finding not in self._known:
            self._known[finding] = self._find_out(finding)
        return self._known[finding]

    def _find_out(self, finding: Finding) -> bool | None:
        if finding is Finding.NO_FINDING:
            return self._normal
        stated = self._stated(finding)
        if stated and self._out_of_sight(finding):
            return None
        if finding in KINDS_OF:
            kinds = [self._stated(kind) for kind in KINDS_OF[finding]]
            if True in kinds:
                return True
            if stated is False and None in kinds and self.record.facts_complete:
                return None
        if stated is False and finding in LIKE and any(self._maybe(other) for other in LIKE[finding]):
            return None
        return stated

    def _told(self) -> Iterable[Finding]:
        """Findings of which anything may be known; of the others nothing is, which takes time to find out."""
        if self.record.facts_complete:
            return Finding
        return {*self.record.labels, *self._said, *KINDS_OF, Finding.NO_FINDING}

    @cached_property
    def _said(self) -> Mapping[Finding, set[Presence]]:
        """What the facts say of each finding they name."""
        said: dict[Finding, set[Presence]] = {}
        for fact in self.facts:
            said.setdefault(fact.finding, set()).add(fact.presence)
        return said

    def _stated(self, finding: Finding) -> bool | None:
        if said := self._said.get(finding):
            if Presence.PRESENT in said:
                return True
            return None if Presence.UNCERTAIN in said else False
        label = _KNOWN.get(self.record.labels.get(finding))
        if self.record.facts_complete:
            # A label that is true beside complete facts is there but hidden: asking for it would be unfair.
            return None if label and finding not in KINDS_OF else False
        return label

    def _maybe(self, finding: Finding) -> bool:
        return self._stated(finding) is not False and (
            self.record.labels.get(finding) in (Presence.PRESENT, Presence.UNCERTAIN) or finding in self._said
        )

    def _out_of_sight(self, finding: Finding) -> bool:
        places = [region for region in self.record.regions if region.finding is finding]
        return bool(places) and not any(
            region.view == self.frontal and region.visibility >= HIDDEN for region in places
        )

    @cached_property
    def _normal(self) -> bool | None:
        """Whether nothing but devices is there."""
        record = self.record
        diseases = [f.presence for f in self.facts if not aside(f.finding)]
        labels = {presence for f, presence in record.labels.items() if not aside(f)}
        label = _KNOWN.get(record.labels.get(Finding.NO_FINDING))
        if Presence.PRESENT in diseases or Presence.PRESENT in labels:
            return None if label else False
        if Presence.UNCERTAIN in diseases or Presence.UNCERTAIN in labels:
            return None
        if record.facts_complete:
            return True
        called = any(f.finding is Finding.NO_FINDING and f.presence is Presence.PRESENT for f in self.facts)
        return True if label is None and called else label

    @cached_property
    def certain(self) -> bool:
        """True when every finding in the image is known: none hedged, none hidden, none left out."""
        labels = self.record.labels.items()
        return (
            self.record.facts_complete
            and all(fact.presence is not Presence.UNCERTAIN for fact in self.facts)
            and all(p is Presence.ABSENT or self.there(f) is not None for f, p in labels)
        )

    def places(self, least: float = SHOWN) -> list[RegionRecord]:
        """Regions of the frontal image that are plain enough to be asked for."""
        return [r for r in self.record.regions if r.view == self.frontal and r.visibility >= least]

    def tally(self) -> Tally:
        """This study's part in `Tally`."""
        known = ((finding, self.there(finding)) for finding in self._told())
        counted: Tally = Counter(
            (f, "there" if there else "absent") for f, there in known if there is not None
        )
        counted.update((f, "boxed") for f in {region.finding for region in self.places()} if f)
        outlined = {region.finding for region in self.places() if region.mask is not None}
        counted.update((f, "outlined") for f in outlined if f)
        return counted


_KNOWN: Mapping[Presence | None, bool] = {Presence.PRESENT: True, Presence.ABSENT: False}
"""Labels that leave no doubt."""


_ASIDE = frozenset({*DEVICES, Finding.SUPPORT_DEVICES, Finding.NO_FINDING})


def aside(finding: Finding) -> bool:
    """True for what does not make a chest abnormal: a device, or the absence of findings."""
    return finding in _ASIDE


class Balance:
    """Which of the known findings to ask about, so that yes and no are equally frequent for each finding.

    Attributes:
        findings: those that at least one study of the source has, apart from "no finding".
        diseases: of these the ones that are no devices, and that do not stand for several.
        boxed: of these the ones that at least one study has a box of.
    """

    def __init__(self, tally: Mapping[tuple[Finding, str], int]) -> None:
        self._tally = tally
        self.findings = tuple(f for f in Finding if self.count(f) and f is not Finding.NO_FINDING)
        self.diseases = tuple(f for f in self.findings if not aside(f) and f not in KINDS_OF)
        self.boxed = tuple(f for f in self.findings if self.count(f, "boxed"))
        self._chance = {(f, there): self._evened(f, there) for f in Finding for there in (True, False)}

    def _evened(self, finding: Finding, there: bool) -> float:
        """How often to ask where the answer is yes, or no: so that both are asked for equally often."""
        own, other = (self.count(finding, how) for how in ("there", "absent"))
        own, other = (own, other) if there else (other, own)
        return min(1.0, other / own if own else 1.0)

    def count(self, finding: Finding, how: str = "there") -> int:
        """How many studies have the finding; or, as `how` says, lack it, or have a box or mask of it."""
        return self._tally.get((finding, how), 0)

    def keep(self, finding: Finding, there: bool, rng: random.Random, share: float = 1.0) -> bool:
        """Whether to ask: always for the rarer answer, for the other as often as makes them even."""
        return rng.random() < share * self._chance[finding, there]

    def keep_unboxed(self, finding: Finding, rng: random.Random, how: str = "boxed") -> bool:
        """Whether to ask for the places of a finding that is absent: one time for two with a place."""
        absent = self.count(finding, "absent")
        return rng.random() < 0.5 * min(1.0, self.count(finding, how) / absent if absent else 0.0)


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of many tallies."""
    summed: Tally = Counter()
    for tally in tallies:
        summed.update(tally)
    return summed
