"""A lazy sequence of synthetic studies, each a pure function of the seed and its index.

from hilum.phantom import PhantomConfig, cohort
for study in cohort(100, seed=0, config=PhantomConfig(size=128)):
    print(study.id, [fact.finding for fact in study.facts])
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from hilum.phantom import truth
from hilum.phantom.config import PhantomConfig
from hilum.phantom.course import Visit, admit
from hilum.phantom.measure import measure
from hilum.reports import write_report
from hilum.study import Fact, Pixels, Position, Report, Study, View

BLOCK = 12
"""Studies are dealt to patients in blocks of this many, so that any index is found without the others."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """Renders one view when called; small, and it travels to worker processes."""

    seed: int
    patient: int
    visit: int
    position: Position
    config: PhantomConfig

    def __call__(self) -> Pixels:
        """The pixels, (size, size)."""
        visit = admit(self.seed, self.patient, self.visit + 1, self.config)[-1]
        return truth.render(visit, self.position, self.config)


def cohort(n: int, *, seed: int = 0, config: PhantomConfig | None = None) -> Cohort:
    """A cohort of `n` studies; the first m of a longer cohort are the studies of a cohort of m.

    Args:
        n: number of studies; a patient's studies follow one another, the earliest first.
        seed: equal seeds and settings give equal bytes.
        config: see `PhantomConfig`.
    """
    return Cohort(n, seed, config or PhantomConfig())


class Cohort(Sequence[Study]):
    """Studies made when asked for; pictures are rendered only by `View.load`."""

    def __init__(self, n: int, seed: int, config: PhantomConfig) -> None:
        self.n = n
        self.seed = seed
        self.config = config
        self._last: tuple[int, Study] | None = None

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, index: int) -> Study: ...

    @overload
    def __getitem__(self, index: slice) -> list[Study]: ...

    def __getitem__(self, index: int | slice) -> Study | list[Study]:
        """Study `index`; a slice gives a list."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.n))]
        if index < 0:
            index += self.n
        if not 0 <= index < self.n:
            raise IndexError(f"study {index} of {self.n}")
        return self._study(index)

    def __iter__(self) -> Iterator[Study]:
        return (self[i] for i in range(self.n))

    def __getstate__(self) -> dict[str, object]:
        """The remembered study stays behind; it is made again where it is needed."""
        return {**self.__dict__, "_last": None}

    def visits(self, index: int) -> list[Visit]:
        """The course of the study's patient up to and with study `index`."""
        patient, visit = self._place(index)
        return admit(self.seed, patient, visit + 1, self.config)

    def measured(self, index: int) -> dict[str, float]:
        """The quantities behind a study's grades, see `hilum.phantom.measure.measure`."""
        return measure(self.visits(index)[-1])

    def _place(self, index: int) -> tuple[int, int]:
        """Patient number and visit of a study."""
        block, offset = divmod(index, BLOCK)
        rng = np.random.default_rng([self.seed, 7, block])
        start = 0
        for slot in range(BLOCK):
            stays = 1
            while stays < self.config.max_visits and rng.random() < self.config.followup:
                stays += 1
            if offset < start + stays:
                return block * BLOCK + slot, offset - start
            start += stays
        raise AssertionError("a block holds at least one study per patient")

    def _study(self, index: int) -> Study:
        if self._last and self._last[0] == index:
            return self._last[1]
        patient, number = self._place(index)
        course = admit(self.seed, patient, number + 1, self.config)
        prior = self._study(index - 1) if number else None
        study = self._assemble(patient, course, prior)
        self._last = (index, study)
        return study

    def _assemble(self, patient: int, course: list[Visit], prior: Study | None) -> Study:
        visit = course[-1]
        person = visit.patient
        visible = truth.survey(visit, self.config)
        before = course[-2] if prior else None
        facts = truth.facts_of(visit, visible, prior.facts if prior else (), before)
        name = f"{person.id}-{visit.number}"
        views = tuple(
            View(
                id=f"{name}-{position.value.lower()}",
                load=Rendering(self.seed, patient, visit.number, position, self.config),
                position=position,
                synthetic=True,
            )
            for position in truth.positions(visit)
        )
        return Study(
            id=name,
            patient=person.id,
            source="phantom",
            views=views,
            report=self._report(visit, facts, views[0].position, prior is not None),
            labels=truth.labels_of(visit),
            facts=facts,
            facts_complete=True,
            regions=truth.regions_of(facts, visit, visible),
            sex=person.sex,
            age=float(round(visit.age, 1)),
            group=person.group,
            prior=prior,
        )

    def _report(self, visit: Visit, facts: Sequence[Fact], position: Position, prior: bool) -> Report | None:
        rng = np.random.default_rng([visit.seed, 30])
        return write_report(facts, rng=rng, position=position, prior=prior)
