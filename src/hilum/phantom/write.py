"""A synthetic cohort as files: images, masks, boxes, reports and labels.

    hilum phantom --n 24 --out phantoms --size 256

writes, all or nothing:

    phantoms/images/<view>.synthetic.png       8-bit grey; its text chunks say that it is synthetic
    phantoms/masks/<view>.<k>.<finding>.png    255 inside the finding's region
    phantoms/reports/<study>.txt               indication, comparison, findings, impression
    phantoms/studies.jsonl                     one study a line, with all of the above by name
    phantoms/labels.csv                        study, patient, sex, age, group, then 0 or 1 a finding
    phantoms/boxes.csv                         image, finding, side, x1, y1, x2, y2, visibility, mask
"""

from __future__ import annotations

import csv
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from hilum.errors import UsageError
from hilum.files import atomic_folder
from hilum.images.png import encode_png
from hilum.phantom.cohort import cohort
from hilum.phantom.config import DRAWABLE, PhantomConfig
from hilum.progress import Progress
from hilum.study import Finding, Presence, Region, Report, Study

LABELS = (Finding.NO_FINDING, Finding.LUNG_LESION, Finding.SUPPORT_DEVICES, *DRAWABLE)
BOX_COLUMNS = ("image", "finding", "side", "x1", "y1", "x2", "y2", "visibility", "mask")
STATEMENT = "Synthetic chest radiograph computed by Hilum's phantom; it shows no real person."


def write_cohort(n: int, out: Path, *, size: int = 256, seed: int = 0) -> None:
    """Write `n` synthetic studies into the folder `out`; one that Hilum wrote is replaced as a whole.

    Args:
        n: number of studies, 1 or more.
        out: the folder; nothing is left of it when writing is interrupted.
        size: pixels a side, 64 to 2048.
        seed: equal seeds give equal bytes.

    Raises:
        UsageError: a size out of range, or `out` holds something that Hilum did not write.
    """
    if n < 1:
        raise UsageError("n", f"is {n}", "write at least one study")
    studies = cohort(n, seed=seed, config=PhantomConfig(size=size))
    # The kernels are loaded here, before anything is written: nothing can stop that cleanly.
    studies[0].views[0].load()
    with atomic_folder(out) as folder, ExitStack() as files, Progress() as bars:
        for name in ("images", "masks", "reports"):
            (folder / name).mkdir()
        index = files.enter_context((folder / "studies.jsonl").open("w", encoding="utf-8"))
        labels = _table(files, folder / "labels.csv")
        boxes = _table(files, folder / "boxes.csv")
        labels.writerow(["study", "patient", "sex", "age", "group", *LABELS])
        boxes.writerow(BOX_COLUMNS)
        for k, study in enumerate(bars.follow("synthetic studies", studies, n)):
            record = _write_study(study, studies.measured(k), folder)
            index.write(json.dumps(record, ensure_ascii=False) + "\n")
            labels.writerow(_label_row(study))
            for region in record["regions"]:
                boxes.writerow(_box_row(region))


def _table(files: ExitStack, path: Path) -> Any:
    handle: TextIO = files.enter_context(path.open("w", encoding="utf-8", newline=""))
    return csv.writer(handle, lineterminator="\n")


def _write_study(study: Study, measured: dict[str, float], folder: Path) -> dict[str, Any]:
    """Write one study's pictures, masks and report; its line of the index."""
    images = [f"images/{view.id}.synthetic.png" for view in study.views]
    for view, image in zip(study.views, images, strict=True):
        text = {"Title": view.id, "Description": STATEMENT, "Source": "synthetic"}
        (folder / image).write_bytes(encode_png(view.load(), text=text))
    regions = [_write_region(study, k, images, folder) for k in range(len(study.regions))]
    if study.report:
        (folder / f"reports/{study.id}.txt").write_text(_report_text(study.report), encoding="utf-8")
    return {
        "study": study.id,
        "patient": study.patient,
        "synthetic": True,
        "sex": study.sex.value,
        "age": study.age,
        "group": study.group,
        "prior": study.prior.id if study.prior else None,
        "views": [
            {"image": image, "position": view.position.value}
            for view, image in zip(study.views, images, strict=True)
        ],
        "facts": [fact.to_json() for fact in study.facts],
        "measured": measured,
        "labels": {finding.value: _present(study, finding) for finding in LABELS},
        "regions": regions,
        "report": f"reports/{study.id}.txt" if study.report else None,
    }


def _write_region(study: Study, k: int, images: list[str], folder: Path) -> dict[str, Any]:
    region: Region = study.regions[k]
    finding = region.finding.value if region.finding else "region"
    mask = None
    if region.mask is not None:
        mask = f"masks/{study.views[region.view].id}.{k}.{finding.lower().replace(' ', '-')}.png"
        pixels = np.asarray(region.mask, np.float32)
        (folder / mask).write_bytes(encode_png(pixels, text={"Description": STATEMENT}))
    return {
        "image": images[region.view],
        "finding": finding,
        "side": region.side and region.side.value,
        "phrase": region.phrase,
        "box": [round(v, 5) for v in region.box],
        "visibility": round(region.visibility, 3),
        "mask": mask,
    }


def _report_text(report: Report) -> str:
    sections = {
        "INDICATION": report.indication,
        "COMPARISON": report.comparison,
        "FINDINGS": report.findings,
        "IMPRESSION": report.impression,
    }
    return "\n\n".join(f"{name}: {text}" for name, text in sections.items() if text) + "\n"


def _present(study: Study, finding: Finding) -> bool:
    return study.labels[finding] is Presence.PRESENT


def _label_row(study: Study) -> list[Any]:
    known = [int(_present(study, finding)) for finding in LABELS]
    return [study.id, study.patient, study.sex.value, study.age, study.group, *known]


def _box_row(region: dict[str, Any]) -> list[Any]:
    return [
        region["image"],
        region["finding"],
        region["side"] or "",
        *region["box"],
        region["visibility"],
        region["mask"] or "",
    ]
