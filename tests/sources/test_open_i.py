import contextlib
import io
import pickle
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import DataError
from hilum.files import Problems
from hilum.sources import Request, SourceSpec, open_source
from hilum.sources.mesh import MAPPED
from hilum.sources.open_i import ARCHIVE, MAX_BYTES, parse
from hilum.study import Fact, Finding, Presence, Report, Severity, Side, Site
from sources.helpers import picture, read, said

BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><eCitation><uId id="CXR9"/>&b;</eCitation>'


def xml(number, terms=("normal",), images=(), **sections):
    texts = "".join(f'<AbstractText Label="{k}">{v}</AbstractText>' for k, v in sections.items())
    majors = "".join(f"<major>{term}</major>" for term in terms)
    parents = "".join(f'<parentImage id="{name}"/>' for name in images)
    head = f'<?xml version="1.0" encoding="utf-8"?><eCitation><uId id="CXR{number}"/>'
    return f"{head}<Abstract>{texts}</Abstract><MeSH>{majors}</MeSH>{parents}</eCitation>"


def archive(folder, documents):
    with tarfile.open(folder / ARCHIVE, "w:gz") as tar:
        for name, text in documents.items():
            data = text.encode()
            member = tarfile.TarInfo(f"ecgen-radiology/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return folder


def unpacked(folder, documents):
    (folder / "ecgen-radiology").mkdir()
    for name, text in documents.items():
        (folder / "ecgen-radiology" / name).write_text(text)
    return folder


@pytest.mark.parametrize("laid_out", [archive, unpacked])
def test_a_document_becomes_a_study(tmp_path, laid_out):
    sections = {
        "INDICATION": " Cough &amp;\n fever. ",
        "FINDINGS": "Small <b>left</b> effusion.",
        "COMPARISON": "",
    }
    laid_out(tmp_path, {"1.xml": xml(1, ["Pleural Effusion/left/small"], **sections)})
    (study,), problems = read("open-i", tmp_path)
    assert (study.id, study.patient, study.views) == ("open-i/CXR1", "open-i/CXR1", ())
    assert study.report == Report(indication="Cough & fever.", findings="Small left effusion.")
    assert study.facts == (Fact(Finding.PLEURAL_EFFUSION, side=Side.LEFT, severity=Severity.MILD),)
    assert study.labels == {Finding.NO_FINDING: Presence.ABSENT, Finding.PLEURAL_EFFUSION: Presence.PRESENT}
    assert pickle.loads(pickle.dumps(study)) == study
    assert not len(problems)


def test_an_archive_may_be_named_itself_and_files_come_in_the_order_of_their_numbers(tmp_path):
    documents = {f"{n}.xml": xml(n, FINDINGS="Clear.") for n in (10, 9, 100)}
    archive(tmp_path, documents)
    assert [s.id[-3:] for s in read("open-i", tmp_path / ARCHIVE)[0]] == ["R10", "XR9", "100"]
    (tmp_path / "loose").mkdir()
    unpacked(tmp_path / "loose", documents)
    assert [s.id[-3:] for s in read("open-i", tmp_path / "loose")[0]] == ["XR9", "R10", "100"]


@pytest.mark.parametrize(
    ("terms", "no_finding"),
    [
        (["normal"], Presence.PRESENT),
        (["Cardiomegaly/mild"], Presence.ABSENT),
        (["Foreign Bodies"], Presence.ABSENT),
        (["No Indexing"], None),
        (["Technical Quality of Image Unsatisfactory "], None),
        ([], None),
    ],
)
def test_only_what_coders_looked_for_is_known(tmp_path, terms, no_finding):
    archive(tmp_path, {"1.xml": xml(1, terms)})
    (study,), _ = read("open-i", tmp_path)
    assert study.labels.get(Finding.NO_FINDING) is no_finding
    absent = {
        f for f, there in study.labels.items() if there is Presence.ABSENT and f is not Finding.NO_FINDING
    }
    assert absent == (set(MAPPED) if no_finding is Presence.PRESENT else set())


def test_attributes_of_a_term_become_attributes_of_its_fact(tmp_path):
    archive(tmp_path, {"1.xml": xml(1, ["Opacity/lung/upper lobe/right", " Cardiomegaly / severe"])})
    assert set(read("open-i", tmp_path)[0][0].facts) == {
        Fact(Finding.LUNG_OPACITY, side=Side.RIGHT, site=Site.UPPER_LOBE),
        Fact(Finding.CARDIOMEGALY, severity=Severity.SEVERE),
    }


def test_images_are_views_where_they_were_downloaded_and_one_that_lacks_is_counted(tmp_path):
    archive(tmp_path, {"1.xml": xml(1, images=["CXR1_1", "CXR1_2"]), "2.xml": xml(2, images=["CXR2_1"])})
    picture(tmp_path / "NLMCXR_png" / "CXR1_1.png")
    picture(tmp_path / "NLMCXR_png" / "CXR2_1.png")
    (one, two), problems = read("open-i", tmp_path)
    assert [v.id for v in (*one.views, *two.views)] == ["CXR1_1.png", "CXR2_1.png"]
    assert said(problems) == ["CXR1_2: has a report but no image file; download its archive"]


def test_a_bad_document_is_counted_and_the_others_read(tmp_path):
    documents = {
        "0.xml": xml(0),
        "bomb.xml": BOMB,
        "broken.xml": xml(1)[:-9],
        "other.xml": "<html/>",
        "huge.xml": " " * (MAX_BYTES + 1),
        "again.xml": xml(0),
        "notes.txt": "not read",
        "2.xml": xml(2),
    }
    archive(tmp_path, documents)
    studies, problems = read("open-i", tmp_path)
    assert [s.id for s in studies] == ["open-i/CXR0", "open-i/CXR2"]
    assert problems.counts == {
        "declares a document type, which no report does": 1,
        "is not readable XML": 1,
        "has no uId, so it is no Open-i report": 1,
        "is larger than any report": 1,
        "is a duplicate id": 1,
    }


def test_a_folder_that_is_called_like_a_document_is_counted(tmp_path):
    unpacked(tmp_path, {"2.xml": xml(2)})
    (tmp_path / "ecgen-radiology" / "1.xml").mkdir()
    studies, problems = read("open-i", tmp_path)
    assert [s.id for s in studies] == ["open-i/CXR2"]
    assert said(problems) == ["1.xml: cannot be read (Is a directory); it is left out"]


def test_an_encoding_cannot_hide_a_document_type():
    request = Request(None, Problems())
    with pytest.raises(DataError):
        parse("x.xml", BOMB.encode("utf-16"), {}, request)
    with pytest.raises(DataError):
        parse("x.xml", b'<?xml version="1.0" encoding="utf-7"?>' + BOMB.encode("utf-7"), {}, request)


@given(
    st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: xml(1, [text], FINDINGS=text).encode(errors="replace"))
)
def test_whatever_a_file_holds_it_is_a_study_or_a_data_error(data):
    with contextlib.suppress(DataError):
        assert parse("x.xml", data, {}, Request(None, Problems())).id


def test_a_broken_archive_is_an_error_that_names_it(tmp_path):
    archive(tmp_path, {f"{n}.xml": xml(n, FINDINGS=f"{n} " * 999) for n in range(200)})
    whole = (tmp_path / ARCHIVE).read_bytes()
    (tmp_path / ARCHIVE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=f"{ARCHIVE}: cannot be unpacked"):
        list(open_source(SourceSpec("open-i", tmp_path)))
    (tmp_path / ARCHIVE).write_text("I am no archive.")
    with pytest.raises(DataError, match=f"{ARCHIVE}: cannot be unpacked"):
        open_source(SourceSpec("open-i", tmp_path))


@pytest.mark.data
def test_the_real_reports_are_read_whole(data_root):
    studies, problems = read("open-i", data_root / "open-i")
    assert not len(problems), said(problems)
    assert len({s.id for s in studies}) == len({s.patient for s in studies}) == len(studies) == 2980
    assert sum(s.report is None for s in studies) == 24
    assert sum(s.labels.get(Finding.NO_FINDING) is Presence.PRESENT for s in studies) == 1061
    assert sum(not s.labels for s in studies) == 73 + 5
    assert all(
        {f.finding for f in s.facts}
        == {k for k, v in s.labels.items() if v is Presence.PRESENT} - {Finding.NO_FINDING}
        for s in studies
    )
