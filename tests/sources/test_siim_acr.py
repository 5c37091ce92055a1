import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import DataError
from hilum.sources import SourceSpec, open_source
from hilum.study import Finding, Position, Presence, RunLengths, Sex
from sources.dicom_files import dicom
from sources.helpers import picture, read, run_lengths, said
from sources.siim_acr_layout import SIZE, outline, stage_1, stage_2

NAME = "siim-acr-pneumothorax"


@pytest.mark.parametrize("layout", [stage_1, stage_2])
def test_rows_of_an_image_are_joined_to_their_union(tmp_path, layout):
    left, right, over = outline(1, 1, 3, 6), outline(8, 1, 11, 4), outline(2, 5, 6, 8)
    layout(
        tmp_path, [("a", run_lengths(left)), ("b", "-1"), ("a", run_lengths(right)), ("a", run_lengths(over))]
    )
    (ill, well), problems = read(NAME, tmp_path)
    assert not len(problems), said(problems)
    assert (ill.id, ill.patient) == (f"{NAME}/a", "siim-acr/a")
    assert (ill.sex, ill.age, ill.views[0].position) == (Sex.FEMALE, 61, Position.PA)
    assert ill.labels == {Finding.PNEUMOTHORAX: Presence.PRESENT}
    assert well.labels == {Finding.PNEUMOTHORAX: Presence.ABSENT}
    assert (len(ill.regions), well.regions) == (2, ())
    whole = np.logical_or.reduce([region.mask.mask() for region in ill.regions])
    assert np.array_equal(whole, left | right | over)
    assert ill.views[0].load().shape == whole.shape
    assert ill.regions[0].box == (8 / 12, 1 / 8, 11 / 12, 4 / 8)


@given(st.binary(min_size=SIZE[0] * SIZE[1], max_size=SIZE[0] * SIZE[1]))
def test_run_lengths_are_read_as_the_challenge_writes_them(data):
    mask = (np.frombuffer(data, np.uint8) > 127).reshape(SIZE[1], SIZE[0])
    values = [int(word) for word in run_lengths(mask).split()]
    assert np.array_equal(RunLengths.of_columns(values, SIZE[1], SIZE[0], relative=True).mask(), mask)


def test_films_of_one_patient_by_the_header_are_one_patient_and_png_copies_are_read(tmp_path):
    stage_1(tmp_path, [("a", "-1"), ("b", "-1"), ("c", "205100 40"), ("d", "205100 40")])
    place = tmp_path / "dicom-images-train"
    for name in "ab":
        dicom(place / f"{name}.1" / f"{name}.2" / f"{name}.dcm", *SIZE, PatientID="P7")
    for name in "cd":
        (place / f"{name}.1" / f"{name}.2" / f"{name}.dcm").unlink()
    picture(place / "c.png", 64, 64)
    picture(place / "d.png", *SIZE)
    studies, problems = read(NAME, tmp_path)
    assert [study.patient for study in studies] == [f"siim-acr/{who}" for who in ("P7", "P7", "c", "d")]
    # Runs count down the columns of the original's 1,024 pixels, whatever size the copy has.
    assert studies[2].regions[0].box == (200 / 1024, 300 / 1024, 201 / 1024, 340 / 1024)
    assert studies[3].regions == ()
    assert list(problems.counts) == ["has no mask: its image is not square, as those are that were outlined"]


def test_bad_rows_are_counted_with_their_line_and_the_others_kept(tmp_path):
    good = run_lengths(outline(1, 1, 3, 6))
    rows = [("a", good), ("a", good), ("a", "-1"), ("b", "-1"), ("b", good), ("a", "1 2 3"), ("a", "1 x")]
    stage_1(tmp_path, [*rows, ("a", "90 99"), ("c", ""), ("gone", "-1"), ("d", "-1")])
    gone = tmp_path / "dicom-images-train" / "gone.1" / "gone.2" / "gone.dcm"
    gone.unlink()
    with (tmp_path / "train-rle.csv").open("a") as file:
        file.write("e\n")
    studies, problems = read(NAME, tmp_path)
    assert [study.id[-1] for study in studies] == ["a", "b", "d"]
    assert len(studies[0].regions) == 1
    assert problems.counts == {
        "is a duplicate row": 1,
        "contradicts an earlier row of its image": 2,
        "has no mask: its run lengths are not pairs": 1,
        "has no mask: its runs are not whole numbers": 1,
        "has no mask: its runs leave an image of 12 × 8": 1,
        "has no ImageId or no EncodedPixels": 1,
        "has a row but no image file": 1,
        "has 1 cells for 2 columns": 1,
    }, said(problems)
    assert "train-rle.csv, line 3: is a duplicate row; the row is left out" in said(problems)


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "stage_2_train.csv").write_text("ImageId,Pixels\na,-1\n")
    with pytest.raises(
        DataError, match="lacks the column 'ImageId' or 'EncodedPixels'; it has: ImageId, Pix"
    ):
        open_source(SourceSpec(NAME, tmp_path))


def test_a_film_that_cannot_be_read_has_its_label_but_no_mask(tmp_path):
    stage_1(tmp_path, [("a", run_lengths(outline(1, 1, 3, 6)))])
    (tmp_path / "dicom-images-train/a.1/a.2/a.dcm").write_bytes(b"no film")
    (study,), problems = read(NAME, tmp_path)
    assert (study.labels, study.regions) == ({Finding.PNEUMOTHORAX: Presence.PRESENT}, ())
    assert said(problems) == [
        "train-rle.csv, line 2: has no mask: its image cannot be read; the mask is left out"
    ]
