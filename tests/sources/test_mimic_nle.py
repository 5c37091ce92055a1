import pytest

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.sources.mimic_nle import DIAGNOSES
from hilum.study import Finding, Presence, Split, TextExample, TextKind
from sources.helpers import lines, read, said
from sources.mimic_texts_layout import dicom, nle_item, study, subject, write_mimic_images, write_mimic_nle


def test_every_field_arrives(tmp_path):
    studies, problems = read("mimic-nle", write_mimic_nle(tmp_path))
    assert not len(problems), said(problems)
    assert len(studies) == 12
    one = studies[0]
    assert (one.id, one.patient) == (f"mimic-nle/{study(0)}", f"mimic/{subject(0)}")
    assert [view.id for view in one.views] == [dicom(0)]
    assert one.texts == (
        TextExample(
            TextKind.EXPLANATION,
            ("Pleural Effusion", "Lung Opacity"),
            "The opacity at the left base number 0 is an effusion.",
            view=0,
        ),
    )
    assert one.labels == {
        Finding.PLEURAL_EFFUSION: Presence.PRESENT,
        Finding.LUNG_OPACITY: Presence.UNCERTAIN,
    }, "negative also stands for what is not mentioned"
    assert [sum(s.split is split for s in studies) for split in Split] == [4, 4, 4]
    assert one.taken


def test_diagnoses_stand_in_mimics_column_order():
    assert [finding.value for finding in DIAGNOSES] == sorted(finding.value for finding in DIAGNOSES)


def test_explanations_of_a_study_stand_together_and_evidence_may_lack(tmp_path):
    write_mimic_images(tmp_path, {0: 0}, {0: "test"})
    both = [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    rows = [
        nle_item(0, 0, 1, "One."),
        nle_item(0, 0, 2, "Two.", diagnosis_label=both, evidence_label=[0] * 10),
    ]
    lines(tmp_path / "mimic-nle-train.json", rows)
    notes = []
    (one,), _ = read("mimic-nle", tmp_path, notes=notes)
    assert [text.texts for text in one.texts][1] == ("Atelectasis, Pneumothorax",)
    assert one.split is Split.TEST, "MIMIC-CXR's own split is the stricter"
    assert [note.split()[0] for note in notes] == ["mimic-nle-dev.json", "mimic-nle-test.json"]


def test_the_patient_may_be_known_from_mimics_table_alone(tmp_path):
    write_mimic_images(tmp_path, {0: 0})
    lines(tmp_path / "mimic-nle-train.json", [nle_item(0, 0, 1, "One.", patient_ID=None)])
    assert read("mimic-nle", tmp_path)[0][0].patient == f"mimic/{subject(0)}"


def test_bad_rows_are_counted_and_the_others_kept(tmp_path):
    write_mimic_images(tmp_path, {0: 0})
    rows = [
        nle_item(0, 0, 1, "One."),
        nle_item(0, 0, 1, "One."),
        nle_item(0, 0, 2, None),
        nle_item(0, 0, 3, "x", sentence_ID="59999900"),
        nle_item(0, 0, 4, "x", diagnosis_label=[0] * 10),
        nle_item(0, 0, 5, "x", diagnosis_label=[1] * 9),
        nle_item(0, 0, 6, "x", evidence_label=[2] * 10),
        nle_item(0, 0, 7, "x", img_labels=[[1, 0, 0]] * 9),
        nle_item(0, 0, 8, "x", img_labels=[[1, 1, 0]] * 10),
        nle_item(7, 7, 9, "x", patient_ID=None),
        nle_item(8, 8, 9, "x"),
    ]
    path = lines(tmp_path / "mimic-nle-train.json", rows)
    path.write_text(path.read_text() + "broken\n")
    (one,), problems = read("mimic-nle", tmp_path)
    assert [text.answer for text in one.texts] == ["One."]
    assert len(problems) == 11, said(problems)
    assert (
        "mimic-nle-train.json, line 3: has no nle, so it is a query without its text; it is left out"
        in said(problems)
    )
    assert "mimic-nle-train.json, line 12: is not a JSON object; it is left out" in said(problems)
    assert any("has explanations but no image file" in line for line in said(problems))


def test_queries_alone_are_refused_with_the_remedy(tmp_path):
    with pytest.raises(DataError, match=r"run extract_mimic_nle\.py"):
        open_source(SourceSpec("mimic-nle", tmp_path))
