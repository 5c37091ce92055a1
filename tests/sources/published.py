"""A small folder of every source in its published layout, rich enough to be asked about."""

from __future__ import annotations

from pathlib import Path

from hilum.sources import SOURCES, SourceSpec
from sources.bimcv_covid19_layout import write_bimcv_covid19
from sources.brax_layout import write_brax
from sources.candid_ptx_layout import write_candid_ptx
from sources.chexpert_layout import write_chexpert
from sources.helpers import picture, table
from sources.padchest_layout import write_padchest
from sources.test_hannover_covid import hannover
from sources.test_hannover_covid import row as hannover_row
from sources.test_nih_chestxray14 import nih
from sources.test_nih_chestxray14 import row as nih_row
from sources.test_open_i import archive, xml
from sources.test_vqa_rad import asked, vqa

LABELS = ("Effusion", "No Finding", "Cardiomegaly|Effusion", "No Finding", "Mass")


def _nih(folder: Path) -> None:
    rows = [
        nih_row(f"{i:08}_000.png", LABELS[i % 5], patient=i, view="AP" if i % 3 else "PA") for i in range(30)
    ]
    nih(folder, rows)


def _open_i(folder: Path) -> None:
    def document(number: int) -> str:
        effusion = bool(number % 2)
        return xml(
            number,
            ["Pleural Effusion/left/small"] if effusion else ["normal"],
            INDICATION="Cough.",
            FINDINGS="Small left pleural effusion." if effusion else "No acute disease. The heart is normal.",
            IMPRESSION="Small left effusion." if effusion else "Normal chest.",
        )

    archive(folder, {f"{number}.xml": document(number) for number in range(12)})


def _vqa_rad(folder: Path) -> None:
    rows = [asked(f"{i}.jpg", answer="Yes" if i % 2 else "No") for i in range(12)]
    vqa(folder, [*rows, asked("0.jpg", question="Which side?", answer="Left", answer_type="OPEN")])


def _hannover(folder: Path) -> None:
    rows = [
        hannover_row(f"{p}{day}", f"p{p}", str(day), projection="pa" if p % 2 else "ap")
        for p in range(10)
        for day in (0, 3)
    ]
    hannover(folder, rows)


def _folder(folder: Path) -> None:
    rows = []
    for i in range(12):
        name = picture(folder / f"{i}.png").name
        findings = "Small left pleural effusion." if i % 2 else "No acute disease."
        labels = {"Edema": i % 2, "Pneumothorax": (i + 1) % 2}
        rows.append({"image": name, "patient": f"p{i}", "view": "PA", "findings": findings, **labels})
    table(folder / "metadata.csv", rows)


_MAKERS = {
    "nih-chestxray14": _nih,
    "open-i": _open_i,
    "vqa-rad": _vqa_rad,
    "hannover-covid": _hannover,
    "folder": _folder,
    "chexpert": write_chexpert,
    "brax": write_brax,
    "padchest": write_padchest,
    "bimcv-covid19": write_bimcv_covid19,
    "candid-ptx": write_candid_ptx,
}
PUBLISHED = (*_MAKERS, "phantom")
assert set(PUBLISHED) == set(SOURCES)


def published(name: str, folder: Path) -> SourceSpec:
    """Write a source's folder, where it needs one."""
    if name not in _MAKERS:
        return SourceSpec(name)
    folder.mkdir(parents=True, exist_ok=True)
    _MAKERS[name](folder)
    return SourceSpec(name, folder)
