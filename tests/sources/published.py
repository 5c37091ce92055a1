"""A small folder of every source in its published layout, rich enough to be asked about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hilum.sources import SOURCES, SourceSpec
from sources import mimic_texts_layout as mimic_texts
from sources.bimcv_covid19_layout import write_bimcv_covid19
from sources.brax_layout import write_brax
from sources.candid_ptx_layout import write_candid_ptx
from sources.chexpert_layout import write_chexpert
from sources.covidx_layout import write_covidx
from sources.helpers import picture, table
from sources.mimic_layout import (
    write_cxr_lt,
    write_mimic_cxr,
    write_mimic_cxr_struct,
    write_ms_cxr,
    write_ms_cxr_t,
)
from sources.nlm_tb_layout import write_nlm_tb
from sources.object_cxr_layout import write_object_cxr
from sources.padchest_layout import write_padchest
from sources.rsna_pneumonia_layout import write_rsna
from sources.siim_acr_layout import write_siim
from sources.test_hannover_covid import hannover
from sources.test_hannover_covid import row as hannover_row
from sources.test_nih_chestxray14 import nih
from sources.test_nih_chestxray14 import row as nih_row
from sources.test_open_i import archive, xml
from sources.test_vqa_rad import asked, vqa
from sources.vindr_layout import write_vindr_cxr, write_vindr_pcxr
from sources.vqa_layout import (
    write_medvqa_2019,
    write_pmc_vqa,
    write_rad_restruct,
    write_roco,
    write_slake,
)

LABELS = ("Effusion", "No Finding", "Cardiomegaly|Effusion", "No Finding", "Mass")


def _nih(folder: Path) -> None:
    rows = [
        nih_row(f"{i:08}_000.png", LABELS[i % 5], patient=i, view="AP" if i % 3 else "PA") for i in range(30)
    ]
    nih(folder, rows)


def _open_i(folder: Path) -> None:
    """Reports with two films, one or, as 104 published ones, with none; words cut out are XXXX."""

    def document(number: int) -> str:
        effusion = bool(number % 2)
        return xml(
            number,
            ["Pleural Effusion/left/small"] if effusion else ["normal"],
            films(number),
            INDICATION="XXXX-year-old with cough.",
            FINDINGS="Small left pleural effusion." if effusion else "No acute disease. The heart is normal.",
            IMPRESSION="Small left effusion." if effusion else "Normal chest.",
        )

    def films(number: int) -> list[str]:
        numbers = ("3001", "4001")[: (2, 1, 2, 0)[number % 4]]
        return [f"CXR{number}_1_IM-{number:04}-{film}" for film in numbers]

    archive(folder, {f"{number}.xml": document(number) for number in range(12)})
    for name in (film for number in range(12) for film in films(number)):
        picture(folder / "NLMCXR_png" / f"{name}.png")


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


_MAKERS: dict[str, Callable[[Path], object]] = {
    "nih-chestxray14": _nih,
    "open-i": _open_i,
    "vqa-rad": _vqa_rad,
    "hannover-covid": _hannover,
    "folder": _folder,
    "mimic-cxr-vqa": mimic_texts.write_mimic_cxr_vqa,
    "mimic-diff-vqa": mimic_texts.write_mimic_diff_vqa,
    "mimic-nle": mimic_texts.write_mimic_nle,
    "radnli": mimic_texts.write_radnli,
    "radgraph": mimic_texts.write_radgraph,
    "radqa": mimic_texts.write_radqa,
    "rexval": mimic_texts.write_rexval,
    "mimic-iii": mimic_texts.write_mimic_iii,
    "mimic-cxr": write_mimic_cxr,
    "cxr-lt": write_cxr_lt,
    "ms-cxr": write_ms_cxr,
    "ms-cxr-t": write_ms_cxr_t,
    "mimic-cxr-struct": write_mimic_cxr_struct,
    "rsna-pneumonia": write_rsna,
    "vindr-cxr": write_vindr_cxr,
    "vindr-pcxr": write_vindr_pcxr,
    "siim-acr-pneumothorax": write_siim,
    "object-cxr": write_object_cxr,
    "nlm-tb": write_nlm_tb,
    "covidx-cxr": write_covidx,
    "slake": write_slake,
    "rad-restruct": write_rad_restruct,
    "medvqa-2019": write_medvqa_2019,
    "pmc-vqa": write_pmc_vqa,
    "roco": write_roco,
    "chexpert": write_chexpert,
    "brax": write_brax,
    "padchest": write_padchest,
    "bimcv-covid19": write_bimcv_covid19,
    "candid-ptx": write_candid_ptx,
}
PUBLISHED = (*_MAKERS, "phantom")
assert set(PUBLISHED) == set(SOURCES)

UNASKED = ("radnli", "radgraph", "radqa", "rexval", "covidx-cxr", "roco")
"""Sources of annotated texts, captions or terms of their own, whose tasks the benchmark has no figure for."""


def published(name: str, folder: Path) -> SourceSpec:
    """Write a source's folder, where it needs one."""
    if name not in _MAKERS:
        return SourceSpec(name)
    folder.mkdir(parents=True, exist_ok=True)
    _MAKERS[name](folder)
    return SourceSpec(name, folder)
