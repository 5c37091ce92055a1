"""The front door: every source by name, and how one is named and opened.

spec = parse_source("open-i=/data/open-i")
for study in open_source(spec, problems=Problems(), limit=100): ...
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import chain, islice
from pathlib import Path

from hilum.errors import DataError, UsageError
from hilum.files import Problems
from hilum.sources import (
    bimcv_covid19,
    brax,
    candid_ptx,
    chexpert,
    covidx_cxr,
    cxr_lt,
    folder,
    hannover_covid,
    medvqa_2019,
    mimic_cxr,
    mimic_cxr_struct,
    mimic_cxr_vqa,
    mimic_diff_vqa,
    mimic_iii,
    mimic_nle,
    ms_cxr,
    nih_chestxray14,
    nlm_tb,
    object_cxr,
    open_i,
    padchest,
    phantom,
    pmc_vqa,
    rad_restruct,
    radgraph,
    radnli,
    radqa,
    rexval,
    roco,
    rsna_pneumonia,
    siim_acr,
    slake,
    vindr,
    vqa_rad,
)
from hilum.sources.base import Request, Source, SourceSpec
from hilum.sources.columns import mapping_of
from hilum.sources.upright import upright
from hilum.study import Study

SOURCES: Mapping[str, Source] = {
    source.name: source
    for source in (
        phantom.SOURCE,
        nih_chestxray14.SOURCE,
        open_i.SOURCE,
        vqa_rad.SOURCE,
        hannover_covid.SOURCE,
        folder.SOURCE,
        mimic_cxr.SOURCE,
        cxr_lt.SOURCE,
        ms_cxr.MS_CXR,
        ms_cxr.MS_CXR_T,
        mimic_cxr_struct.SOURCE,
        mimic_cxr_vqa.SOURCE,
        mimic_diff_vqa.SOURCE,
        mimic_nle.SOURCE,
        mimic_iii.SOURCE,
        radnli.SOURCE,
        radgraph.SOURCE,
        radqa.SOURCE,
        rexval.SOURCE,
        rsna_pneumonia.SOURCE,
        *vindr.SOURCES,
        siim_acr.SOURCE,
        object_cxr.SOURCE,
        nlm_tb.SOURCE,
        covidx_cxr.SOURCE,
        slake.SOURCE,
        rad_restruct.SOURCE,
        medvqa_2019.SOURCE,
        pmc_vqa.SOURCE,
        roco.SOURCE,
        chexpert.SOURCE,
        brax.SOURCE,
        padchest.SOURCE,
        bimcv_covid19.SOURCE,
        candid_ptx.SOURCE,
    )
}
"""Every source by the name it is asked for."""


def parse_source(word: str) -> SourceSpec:
    """A source as written on the command line: `phantom`, or `NAME=PATH`.

    Whether something lies at the path is only found out when the source is opened.

    Raises:
        UsageError: an unknown name (the known ones are listed), a missing path, or one too many.
    """
    name, _, path = (part.strip() for part in word.partition("="))
    if name not in SOURCES:
        near = get_close_matches(name.lower(), SOURCES, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(
            name or "--source", "is no known source", f"{hint}the known ones: {', '.join(SOURCES)}"
        )
    if SOURCES[name].embedded:
        if path:
            raise UsageError(name, f"is built in and reads no folder ({path})", f"write just {name}")
        return SourceSpec(name)
    if not path:
        raise UsageError(name, "names no folder", f"write {name}=PATH")
    return SourceSpec(name, Path(path).expanduser())


def specs_of(given: SourceSpec | str | Iterable[SourceSpec | str]) -> list[SourceSpec]:
    """Sources by spec or as written on the command line, one or several."""
    several = [given] if isinstance(given, SourceSpec | str) else given
    return [parse_source(one) if isinstance(one, str) else one for one in several]


def open_source(
    spec: SourceSpec | str,
    problems: Problems | None = None,
    limit: int | None = None,
    seed: int = 0,
    size: int = 256,
    left_out: Counter[str] | None = None,
    notes: list[str] | None = None,
    warnings: list[str] | None = None,
) -> Iterator[Study]:
    """Stream a source's studies, in a fixed order.

    The first study is read at once, so that what is wrong with the source as a whole is found here.

    Args:
        spec: the source, or its words: `phantom`, `NAME=PATH`.
        problems: collects what is skipped.
        limit: studies at most.
        seed: of the phantom's cohort.
        size: pixels a side of the phantom's images; other sources' images keep the size they have.
        left_out: counts what a source holds that is no chest film.
        notes: gets what a person should know of what is read and what is not.
        warnings: gets what makes the source doubtful to learn from.

    Raises:
        UsageError: an unknown name, or columns for a source that has no table of yours.
        DataError: the folder or a file it needs is missing, or no study can be read from it.
    """
    [spec] = specs_of(spec)
    if spec.name not in SOURCES:
        raise UsageError(spec.name, "is no known source", f"the known ones: {', '.join(SOURCES)}")
    if limit is not None and limit < 1:
        raise UsageError("limit", f"is {limit}", "give 1 or more")
    if spec.columns and spec.name != folder.SOURCE.name:
        raise UsageError("--map", f"is given, but {spec.name} has known columns", "it is for folder=PATH")
    problems = Problems() if problems is None else problems
    request = Request(
        spec.path,
        problems,
        limit,
        seed,
        size,
        Counter() if left_out is None else left_out,
        mapping_of(spec.columns),
        [] if notes is None else notes,
        [] if warnings is None else warnings,
    )
    studies = iter(SOURCES[spec.name].read(request))
    first = next(studies, None)
    if first is None:
        why = f" (the first problem: {problems.kept[0]})" if problems.kept else ""
        packed = next(_archives(spec.path), None) if spec.path is not None else None
        remedy = f"unpack {packed.name}" if packed and not why else "check its files"
        raise DataError(spec.path or spec.name, f"holds no study that can be read{why}", remedy)
    return map(upright, islice(chain([first], studies), limit))


def _archives(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in sorted(path.iterdir()) if file.suffix.lower() in _PACKED)


_PACKED = frozenset({".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"})
