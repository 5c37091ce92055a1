"""Every bad input the command line can be given: one line that names thing and remedy, no traceback."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from hilum.cli import main

ENGLISH = "Small left pleural effusion."


@pytest.fixture
def refuses(capsys):
    """Run a command in this process; check it fails as promised and return its one line."""

    def run(*words: object, status: int = 1) -> str:
        assert main([str(word) for word in words]) == status
        shown = capsys.readouterr()
        assert shown.out == ""
        lines = shown.err.strip().splitlines()
        assert len(lines) == 1, shown.err
        assert lines[0].startswith("hilum: error: ")
        assert "; " in lines[0], "no remedy"
        assert "Error:" not in lines[0], "an unexpected exception"
        return lines[0]

    return run


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG whose header states a size its data do not have: a decompression bomb's first bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def text_named_png(path: Path) -> Path:
    path.write_text("I am not a picture.")
    return path


def truncated(path: Path) -> Path:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def zero_size(path: Path) -> Path:
    path.write_bytes(png_that_claims(0, 64))
    return path


def bomb(path: Path) -> Path:
    path.write_bytes(png_that_claims(60_000, 60_000))
    return path


def dicom(path: Path, **attributes: object) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(path, {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID,
        meta.MediaStorageSOPInstanceUID,
    )
    dataset.Modality, dataset.BodyPartExamined = "CR", "CHEST"
    for name, value in attributes.items():
        setattr(dataset, name, value)
    dataset.save_as(path)
    return path


def dicom_without_pixels(path: Path) -> Path:
    return dicom(path)


def dicom_of_a_hip(path: Path) -> Path:
    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8)
    return dicom(
        path,
        BodyPartExamined="HIP",
        Rows=8,
        Columns=8,
        BitsAllocated=16,
        BitsStored=12,
        HighBit=11,
        PixelRepresentation=0,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        PixelData=pixels.tobytes(),
    )


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (text_named_png, "text.png"),
        (truncated, "truncated.png"),
        (empty, "empty.png"),
        (zero_size, "zero.png"),
        (bomb, "bomb.png"),
        (dicom_without_pixels, "no-pixels.dcm"),
        (dicom_of_a_hip, "hip.dcm"),
        (lambda path: path, "missing.png"),
    ],
)
def test_a_bad_image_is_named(refuses, run_folder, tmp_path, make, name):
    path = make(tmp_path / name)
    before = sorted(tmp_path.iterdir())
    assert name in refuses("report", run_folder, path)
    assert name in refuses("ask", run_folder, path, "Is there an effusion?", "--json")
    assert name in refuses("locate", run_folder, path, "effusion", "--out", tmp_path / "boxed.png")
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_is_no_image_and_its_reports_need_a_file(refuses, run_folder, tmp_path):
    (tmp_path / "folder.png").mkdir()
    assert "folder.png" in refuses("ask", run_folder, tmp_path / "folder.png", "Is there an effusion?")
    assert "--out: is missing" in refuses("report", run_folder, tmp_path / "folder.png", status=2)


@pytest.mark.parametrize(
    "words", [["report", "a.png"], ["ask", "a.png", "Why?"], ["locate", "a.png", "heart"]]
)
def test_a_run_folder_that_is_not_there_is_named(refuses, chest, tmp_path, words):
    command, _, *rest = words
    assert "nowhere" in refuses(command, tmp_path / "nowhere", chest, *rest)
    assert str(tmp_path) in refuses(command, tmp_path, chest, *rest)


def test_a_half_written_checkpoint_is_said_to_be_one(refuses, run_folder, chest, tmp_path):
    for name in sorted(path.name for path in run_folder.iterdir() if path.is_file()):
        broken = tmp_path / f"without-{name}"
        broken.mkdir()
        for path in run_folder.iterdir():
            (broken / path.name).symlink_to(path)
        whole = (broken / name).read_bytes()
        (broken / name).unlink()
        (broken / name).write_bytes(whole[: len(whole) // 2])
        if name in ("model.safetensors", "hilum.json", "tokenizer.json", "config.json"):
            assert broken.name in refuses("ask", broken, chest, "Is there an effusion?"), name
    (tmp_path / "empty").mkdir()
    assert "empty" in refuses("ask", tmp_path / "empty", chest, "Why?")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        (".", "holds no word"),
        (
            "Kein Nachweis eines Pneumothorax, keine Ergüsse, das Herz ist normal groß.",
            "not in English",
        ),
        ("Silueta cardíaca de tamaño normal, sin derrame pleural ni neumotórax.", "not in English"),
        ("no effusion " * 5000, "has 10,000 words"),
    ],
)
def test_a_text_that_is_no_report_is_refused(refuses, run_folder, tmp_path, text, says):
    assert says in refuses("facts", text)
    assert says in refuses("draw", run_folder, text, "--out", tmp_path / "synthetic.png")
    assert list(tmp_path.iterdir()) == []


def test_reports_to_judge_must_pair_up(refuses, tmp_path):
    (tmp_path / "r.txt").write_text(f"{ENGLISH}\n{ENGLISH}\n")
    (tmp_path / "c.txt").write_text(f"{ENGLISH}\n")
    (tmp_path / "none.txt").write_text("")
    line = refuses("judge", "--references", tmp_path / "r.txt", "--candidates", tmp_path / "c.txt")
    assert "c.txt: has 1 reports" in line
    assert "none.txt" in refuses(
        "judge", "--references", tmp_path / "r.txt", "--candidates", tmp_path / "none.txt"
    )
    assert "gone.txt" in refuses(
        "judge", "--references", tmp_path / "gone.txt", "--candidates", tmp_path / "c.txt"
    )


def test_an_unknown_source_is_misuse_and_the_known_ones_are_named(refuses, run_folder, tmp_path):
    for words in (
        ["build", "--out", tmp_path / "o"],
        ["quickstart", "--out", tmp_path / "o"],
        ["bench", run_folder],
    ):
        line = refuses(*words, "--source", "mimic=/data", status=2)
        assert "mimic" in line
        assert "nih-chestxray14" in line
    assert not (tmp_path / "o").exists()


def test_a_source_whose_path_is_missing_is_named(refuses, tmp_path):
    line = refuses("build", "--source", f"open-i={tmp_path / 'gone'}", "--out", tmp_path / "o")
    assert "gone" in line
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("nih-chestxray14", "Data_Entry_2017"),
        ("open-i", "NLMCXR_reports"),
        ("vqa-rad", "trainset.json"),
        ("hannover-covid", "data.csv"),
        ("chexpert", "train.csv"),
        ("brax", "master_spreadsheet_update.csv"),
        ("padchest", "PADCHEST_chest_x_ray"),
        ("bimcv-covid19", "participants.tsv"),
        ("candid-ptx", "Pneumothorax_reports.csv"),
    ],
)
def test_a_missing_metadata_file_is_named(refuses, tmp_path, name, file):
    (tmp_path / "data").mkdir()
    assert file in refuses("build", "--source", f"{name}={tmp_path / 'data'}", "--out", tmp_path / "o")
    assert not (tmp_path / "o").exists()


NIH_COLUMNS = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)


def nih_folder(folder: Path, rows: list[str], columns: str = NIH_COLUMNS) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "Data_Entry_2017_v2020.csv").write_text("\n".join([columns, *rows]) + "\n")
    noise = np.random.default_rng(0)
    for name in {row.split(",")[0] for row in rows}:
        Image.fromarray(noise.integers(0, 255, (64, 64), np.uint8)).save(folder / "images" / name)
    return folder


def nih_row(number: int, *, age: str = "50", image: int | None = None) -> str:
    name = f"{number if image is None else image:08d}_000.png"
    return f"{name},Effusion,0,{number},{age},M,PA,1024,1024,0.143,0.143"


def test_a_table_that_lacks_a_column_is_named_with_the_column(refuses, tmp_path):
    columns = NIH_COLUMNS.replace("Patient Age", "Alter")
    folder = nih_folder(tmp_path / "nih", [nih_row(i) for i in range(3)], columns)
    line = refuses("build", "--source", f"nih-chestxray14={folder}", "--out", tmp_path / "o")
    assert "Data_Entry_2017_v2020.csv" in line
    assert "Patient Age" in line
    assert not (tmp_path / "o").exists()


def test_bad_rows_never_stop_a_build_and_are_counted_and_listed(tmp_path, capsys):
    rows = [nih_row(i) for i in range(12)]
    rows += [nih_row(20, age="nan"), nih_row(21, age="058Y?"), nih_row(3), nih_row(22)]
    folder = nih_folder(tmp_path / "nih", rows)
    (folder / "images" / "00000022_000.png").write_text("I am not a picture.")
    out = tmp_path / "shards"
    assert main(["build", "--source", f"nih-chestxray14={folder}", "--out", str(out), "--json"]) == 3
    card = json.loads(capsys.readouterr().out)
    problems = [json.loads(line) for line in (out / "problems.jsonl").read_text().splitlines()]
    assert [(Path(row["thing"]).stem, row["problem"]) for row in problems] == [
        ("00000020_000", "its age is not a number of years from 0 to 120"),
        ("00000021_000", "its age is not a number of years from 0 to 120"),
        ("00000003_000", "is a duplicate id"),
        ("00000022_000", "is a text, not a DICOM, PNG or JPEG file"),
    ]
    assert sum(card["sources"][0]["problems"].values()) == len(problems)
    assert card["sources"][0]["studies"] == 14  # the two without an age are kept


def test_a_strict_build_writes_nothing_where_anything_is_wrong(refuses, tmp_path):
    folder = nih_folder(tmp_path / "nih", [*(nih_row(i) for i in range(4)), nih_row(20, age="nan")])
    line = refuses("build", "--source", f"nih-chestxray14={folder}", "--strict", "--out", tmp_path / "out")
    assert "00000020_000" in line
    assert "--strict lets nothing pass (1 problems in all)" in line
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_never_written_over(refuses, tmp_path):
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter1.tex").write_text("years of work")
    for words in (["phantom", "--n", 1], ["build", "--source", "phantom", "--limit", 2], ["quickstart"]):
        refuses(*words, "--out", precious, status=2)
    assert [path.name for path in precious.iterdir()] == ["chapter1.tex"]


def test_a_picture_is_never_written_over_a_film_or_into_a_run(refuses, run_folder, chest, tmp_path):
    link, other = tmp_path / "link.png", tmp_path / "other.png"
    link.symlink_to(chest)
    other.write_bytes(b"somebody's own")
    before = chest.read_bytes()
    locate = ["locate", run_folder, chest, "heart", "--out"]
    assert "chest.png: is the input" in refuses(*locate, chest, status=2)
    assert "link.png: is the input" in refuses(*locate, link, status=2)
    assert "other.png: exists, and nothing in it says that Hilum" in refuses(*locate, other, status=2)
    assert "new.png: lies inside the input" in refuses(*locate, run_folder / "new.png", status=2)
    (tmp_path / "o-2.png").write_bytes(b"somebody's own")
    draw = ["draw", run_folder, ENGLISH, "--n", 2, "--out"]
    assert "o-2.png: exists" in refuses(*draw, tmp_path / "o.png", status=2)
    assert "new.png: lies inside the input" in refuses(*draw, run_folder / "new.png", "--n", 1, status=2)
    assert chest.read_bytes() == before
    assert other.read_bytes() == b"somebody's own"
    assert not (tmp_path / "o-1.png").exists()


def test_a_build_never_touches_its_source(refuses, tmp_path):
    films = nih_folder(tmp_path / "home" / "films", [nih_row(i) for i in range(3)])
    (films / "card.json").write_text("{}")
    (tmp_path / "link").symlink_to(films)
    before = {path: path.read_bytes() for path in films.rglob("*") if path.is_file()}
    for out in (films, films / "shards", films.parent, tmp_path / "link", tmp_path / "link" / "shards"):
        for command in ("build", "quickstart"):
            line = refuses(command, "--source", f"nih-chestxray14={films}", "--out", out, status=2)
            assert f"the input {films}; choose a path away from all inputs" in line
    assert {path: path.read_bytes() for path in films.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["phantom", "--n", "0", "--out", "o"], "--n: is 0"),
        (["phantom", "--n", "2", "--size", "1", "--out", "o"], "--size: is 1"),
        (["build", "--source", "phantom", "--limit", "-5", "--out", "o"], "--limit: is -5"),
        (["build", "--source", "phantom", "--views", "-1", "--out", "o"], "--views: is -1"),
        (["draw", "run", ENGLISH, "--n", "0", "--out", "o.png"], "--n: is 0"),
        (["draw", "run", ENGLISH, "--out", "o.jpg"], "o.jpg: does not end in .png"),
        (["draw", "run", ENGLISH, "--out", "."], ".: does not end in .png"),
        (["locate", "run", "a.png", "heart", "--out", "o.jpg"], "o.jpg: does not end in .png"),
        (["ask", "run", "a.png", " "], "question: is empty"),
        (["ask", "run", "a.png", "Is it?", "--option", " "], "--option is empty"),
        (["ask", "run", "a.png", "Is it?", "--option", "a", "--option", "a"], "options: hold 'a' twice"),
        (["locate", "run", "a.png", ""], "phrase: is empty"),
    ],
)
def test_options_that_make_no_sense_are_misuse(refuses, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    assert says in refuses(*words, status=2)
    assert list(tmp_path.iterdir()) == []


def test_an_option_with_a_control_token_is_misuse(run_folder, chest, capsys):
    words = ["ask", run_folder, chest, "Is there an effusion?", "--option", "yes<|end|>"]
    assert main([str(word) for word in words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "option 'yes<|end|>': holds the control token <|end|>; leave it out" in shown.err.splitlines()[-1]


def test_a_folder_is_no_picture_to_write(refuses, run_folder, chest, tmp_path):
    folder = tmp_path / "folder.png"
    folder.mkdir()
    assert "folder.png: is a folder" in refuses("draw", run_folder, ENGLISH, "--out", folder, status=2)
    line = refuses("locate", run_folder, chest, "heart", "--out", folder, status=2)
    assert "folder.png: is a folder" in line


def test_a_disk_that_cannot_be_written_to_is_named(refuses, tmp_path):
    (tmp_path / "file").touch()
    line = refuses("phantom", "--n", 1, "--size", 64, "--out", tmp_path / "file" / "phantoms")
    assert f"{tmp_path / 'file'}: file exists; name another path" in line


def test_an_unknown_task_is_misuse_and_the_known_ones_are_named(refuses, run_folder):
    line = refuses("bench", run_folder, "--task", "vqa_clsed", status=2)
    assert "vqa_clsed: is not a task; did you mean vqa_closed? choose from findings_generation" in line


def test_a_benchmark_of_nothing_says_what_to_name(refuses, run_folder, tmp_path):
    line = refuses("bench", run_folder, status=2)
    assert "--source: is missing" in line
    assert "for example --source phantom" in line
    line = refuses("bench", run_folder, "--source", "phantom", "--split", "half", status=2)
    assert "half" in line
    line = refuses("bench", run_folder, "--source", "phantom", "--out", run_folder, status=2)
    assert "is the run" in line
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "report.json").touch()
    line = refuses("bench", tmp_path / "run", "--source", "phantom", "--out", tmp_path / "run", status=2)
    assert "is the run" in line


def test_a_benchmark_without_a_question_to_ask_says_so(run_folder, tmp_path, capsys):
    folder = nih_folder(tmp_path / "nih", [nih_row(i) for i in range(3)])
    words = ["bench", run_folder, "--source", f"nih-chestxray14={folder}", "--task", "progression"]
    assert main([*map(str, words)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "holds no question of the chosen tasks" in shown.err.splitlines()[-1]


def test_numbers_that_would_fill_memory_or_disk_are_refused_at_once(refuses, tmp_path):
    drawn = refuses("draw", "run", ENGLISH, "--out", tmp_path / "x.png", "--n", 65, status=2)
    assert drawn == "hilum: error: --n: is 65; give 64 or less; call again for more"
    made = refuses("phantom", "--out", tmp_path / "out", "--n", 10**6 + 1, status=2)
    assert made == "hilum: error: --n: is 1,000,001; give 1,000,000 or less; call again for more"
    assert list(tmp_path.iterdir()) == []


def test_no_text_of_an_error_commands_the_terminal(refuses, tmp_path):
    hostile = "\x1b]0;owned\x07\x1b[2J\u202ekcab\x85"
    path = dicom(tmp_path / "film.dcm", StudyDescription=hostile, BodyPartExamined="HIP\x1b[31m")
    for words in (
        ["report", "run", path],
        ["report", "run", tmp_path / f"{hostile}.png"],
        ["ask", "run", tmp_path / "\udcff\x1b[2J.png", "Is it?"],
    ):
        assert refuses(*words).isprintable()
    for words in ([hostile], ["report", f"--{hostile}"], ["judge", "a", "b", hostile]):
        assert refuses(*words, status=2).isprintable()


def test_what_was_done_to_a_film_is_said(tmp_path, capsys):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    attributes = {"Rows": 8, "Columns": 8, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    attributes |= {"PixelRepresentation": 0, "SamplesPerPixel": 1, "PixelData": pixels.tobytes()}
    attributes |= {"PhotometricInterpretation": "MONOCHROME2", "PatientOrientation": ["R", "F"]}
    path = dicom(tmp_path / "film.dcm", **attributes)
    assert main(["report", str(tmp_path / "no run"), str(path)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"hilum: note: {path}: is turned upright by its Patient Orientation"


@pytest.mark.parametrize(
    "words",
    [
        ["quickstart"],
        ["build", "--source", "phantom", "--out", "o"],
        ["train", "nano", "--data", "shards", "--out", "o"],
        ["draw", "run", ENGLISH, "--out", "o.png"],
        ["bench", "run"],
        ["bench", "run", "--chexbench", "data.json", "--images", "films"],
        ["audit", "run"],
        ["compare", "a", "b"],
        ["leaderboard", "a", "b"],
        ["openbench", "--out", "o"],
        ["phantom", "--n", "1", "--out", "o"],
    ],
)
def test_a_seed_below_zero_is_misuse_of_every_command(refuses, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert refuses(*words, "--seed", "-1", status=2) == "hilum: error: --seed: is -1; give 0 or more"
    assert not list(tmp_path.iterdir())
