import json
import shutil

import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.sources.mimic_cxr_struct import FILE
from hilum.study import Sex, Split
from sources.helpers import read, said
from sources.mimic_layout import (
    JPG,
    NOTES,
    PATIENTS,
    STRUCTURED,
    VISITS,
    dicom,
    home,
    study,
    subject,
    write_mimic_cxr_struct,
)


@pytest.fixture
def folder(tmp_path):
    return write_mimic_cxr_struct(tmp_path / "data" / "mimic-cxr-struct")


def by_id(folder):
    studies, problems = read("mimic-cxr-struct", folder)
    return {one.id.split("/")[1]: one for one in studies}, problems


def written(folder, **sections):
    (folder / FILE).write_text(json.dumps({"findings": {}, "impression": {}} | sections))


def test_reports_arrive_with_images_patients_and_what_the_original_was_told(folder):
    studies, problems = by_id(folder)
    assert not len(problems), said(problems)
    assert len(studies) == PATIENTS * VISITS
    one = studies[study(1, 1)]
    assert (one.id, one.patient) == (f"mimic-cxr-struct/{study(1, 1)}", f"mimic/{subject(1)}")
    assert one.report.findings == f"[Heart: Size] Normal.\n[Pleura: Effusion] {STRUCTURED[1][0]}"
    assert one.report.impression == f"[Pleura: Effusion] {STRUCTURED[1][0]}"
    assert (one.report.indication, one.report.comparison) == ("___ year old with cough. // pneumonia?", "___")
    assert [view.id for view in one.views] == [dicom(1, 1), dicom(1, 1, 1)]
    assert (one.sex, one.age, one.split) == (Sex.MALE, 54, Split.VAL)
    assert one.prior == studies[study(1, 0)]
    assert one.prior.prior is None


def test_the_file_alone_finds_mimic_beside_it(folder):
    for name in ("mimic-cxr-jpg", "mimic-cxr", "mimiciv"):
        shutil.move(folder / name, folder.parent / name)
    assert len(by_id(folder)[0]) == PATIENTS * VISITS


def test_a_section_that_was_not_written_anew_is_blank_and_not_the_original(folder):
    written(folder, findings={f"s{study(0, 0)}": "[Lung: All] Clear."})
    (one,), _ = read("mimic-cxr-struct", folder)
    assert (one.report.findings, one.report.impression) == ("[Lung: All] Clear.", "")


def test_a_prior_needs_no_report_but_an_image(folder):
    written(folder, findings={f"s{study(0, 1)}": "[Lung: All] Clear."})
    (one,), _ = read("mimic-cxr-struct", folder)
    assert [view.id for view in one.prior.views] == [dicom(0, 0), dicom(0, 0, 1)]
    assert one.prior.report is None
    shutil.rmtree(folder / JPG / home(0, 0))
    (one,), _ = read("mimic-cxr-struct", folder)
    assert one.prior is None


def test_bad_entries_are_counted_and_the_others_kept(folder):
    key = f"s{study(0, 0)}"
    bad = {study(0, 0): "again", "x": "text", f"s{study(1, 0)}": None, f"s{study(2, 0)}": " "}
    written(folder, findings={key: "[Lung: All] Clear.", **bad, "s59999999": "[Lung: All] Clear."})
    studies, problems = by_id(folder)
    assert list(studies) == [study(0, 0)]
    assert said(problems) == [
        f"{FILE}, findings: {study(0, 0)}: is a duplicate id; the first is kept",
        f"{FILE}, findings: x: is no study with a text; it is left out",
        f"{FILE}, findings: s{study(1, 0)}: is no study with a text; it is left out",
        f"{FILE}, findings: s{study(2, 0)}: is no study with a text; it is left out",
        "s59999999: is not in MIMIC-CXR's metadata; it is left out",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not a JSON file"),
        ("[]", "has no 'findings' by study"),
        ('{"findings": {}}', "has no 'impression'"),
    ],
)
def test_a_file_of_another_form_is_named(folder, text, says):
    (folder / FILE).write_text(text)
    with pytest.raises(DataError, match=says):
        open_source(SourceSpec("mimic-cxr-struct", folder))


def test_without_the_original_reports_there_is_no_indication(folder):
    shutil.rmtree(folder / NOTES)
    assert {s.report.indication for s in by_id(folder)[0].values()} == {""}
