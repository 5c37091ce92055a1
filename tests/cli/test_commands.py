"""Each command run for real on a run folder with random weights."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from cli.test_bad_input import nih_folder, nih_row
from hilum.cli import main
from hilum.files import MARK
from hilum.study import FACT_DETAILS, Finding
from images.dicoms import as_bytes, film
from sources.helpers import picture, table

ENGLISH = "Small left pleural effusion. No pneumothorax."


@pytest.fixture
def answers(capsys):
    """Run a command with --json in this process and return its document."""

    def run(*words: object):
        assert main([*map(str, words), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_facts_are_a_list_with_spans_into_the_text(answers):
    effusion, air = answers("facts", ENGLISH)
    assert list(effusion) == ["finding", "presence", *FACT_DETAILS, "span"]
    assert (effusion["finding"], effusion["side"], effusion["severity"]) == (
        "Pleural Effusion",
        "left",
        "mild",
    )
    assert (air["finding"], air["presence"]) == ("Pneumothorax", "absent")
    start, end = air["span"]
    assert "pneumothorax" in ENGLISH[start:end].lower()


def test_facts_for_a_person(capsys):
    assert main(["facts", ENGLISH]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[0] == "finding"
    assert len(rows) == 2


def test_facts_do_not_wait_for_the_network_libraries():
    code = (
        "import sys; from hilum.cli import main; main(['facts', 'No effusion.']);"
        "print([m for m in ('torch', 'transformers', 'datasets', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_judging_a_report_against_itself_is_perfect_and_against_another_is_not(answers, tmp_path):
    references, candidates = tmp_path / "r.txt", tmp_path / "c.txt"
    references.write_text(f"{ENGLISH}\n{ENGLISH}\n\n")
    candidates.write_text(f"{ENGLISH}\nLarge right pneumothorax.\n{ENGLISH}\n")
    document = answers("judge", "--references", references, "--candidates", candidates)
    same, other, empty = document["reports"]
    assert set(same) == {"score", "matched", "errors", "state"}
    assert set(same["errors"]) == set("abcdef")
    assert (same["score"], same["state"]) == (1.0, "scored")
    assert other["score"] < 1
    assert any(other["errors"].values())
    assert (empty["score"], empty["state"]) == (None, "no reference")
    assert (document["failed"], document["left_out"]) == (0, 1)
    assert document["mean"] == pytest.approx((same["score"] + other["score"]) / 2)


def test_text_metrics_stand_beside_the_judge_s_score(answers, capsys, tmp_path):
    references, candidates = tmp_path / "r.txt", tmp_path / "c.txt"
    references.write_text(f"{ENGLISH}\n{ENGLISH}\n")
    candidates.write_text(f"{ENGLISH}\nLarge right pneumothorax.\n")
    files = ["judge", "--references", str(references), "--candidates", str(candidates)]
    found = answers(*files, "--metric", "rouge", "--metric", "all")["metrics"]
    assert list(found) == ["rouge", "bleu", "meteor", "cider", "facts", "chexpert"]
    value = found["rouge"]["values"]["rouge_l"]
    assert value["low"] < 0.5 < value["value"] < 1 == value["high"]
    assert main([*files, "--metric", "rouge"]) == 0
    assert f"{value['value']:.3f}" in capsys.readouterr().out
    assert main([*files, "--metric", "rogue"]) == 2
    assert "did you mean rouge" in capsys.readouterr().err


def test_judging_for_a_person(capsys, tmp_path):
    path = tmp_path / "r.txt"
    path.write_text(f"{ENGLISH}\n")
    assert main(["judge", "--references", str(path), "--candidates", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "mean 1.000"


def test_what_counts_in_the_mean_is_said(answers, capsys, tmp_path):
    references, candidates = tmp_path / "r.jsonl", tmp_path / "c.csv"
    references.write_text(
        "".join(
            f'{{"id": "{k}", "report": "{t}"}}\n' for k, t in zip("abc", [ENGLISH] * 2 + [""], strict=True)
        )
    )
    candidates.write_text(f"id,report\nc,{ENGLISH}\nb,\na,{ENGLISH}\n")
    document = answers("judge", "--references", references, "--candidates", candidates)
    assert [row["id"] for row in document["reports"]] == ["a", "b", "c"]
    assert [row["state"] for row in document["reports"]] == ["scored", "empty", "no reference"]
    assert (document["mean"], document["failed"], document["left_out"]) == (0.5, 1, 1)
    assert main(["judge", "--references", str(references), "--candidates", str(candidates)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-3:] == ["mean 0.500", "1 unusable candidates counted as 0", "1 unusable references left out"]


def test_a_report_says_which_weights_wrote_it(answers, run_folder, chest):
    document = answers("report", run_folder, chest, chest, "--indication", "Cough.")
    assert document["indication"] == "Cough."
    assert {"comparison", "findings", "impression"} <= set(document)
    assert document["images"] == [str(chest)] * 2
    assert document["model"] == "tiny"
    assert len(document["weights"]) == 12
    assert document["notice"] == "research only — not for clinical use"
    assert document["seen"] == {"studies": {}, "synthetic_only": None}
    assert [(flag["image"], flag["kind"]) for flag in document["flags"]] == [(0, "unknown"), (1, "unknown")]


def test_a_view_that_is_not_shown_to_the_model_is_named(answers, run_folder, chest, capsys):
    document = answers("report", run_folder, *[chest] * 4)
    assert len(document["images"]) == 4
    assert [flag["image"] for flag in document["flags"] if flag["kind"] == "not_shown"] == [3]
    assert main(["report", str(run_folder), *[str(chest)] * 4]) == 0
    assert f"{chest}: not shown to the model: it has learned from at most 3" in capsys.readouterr().out


def test_a_folder_is_reported_film_by_film(answers, run_folder, chest, tmp_path, capsys):
    folder, out = tmp_path / "films", tmp_path / "reports.jsonl"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(chest, folder / name)
    (folder / "c.png").write_bytes(b"")
    document = answers("report", run_folder, folder, "--out", out, "--limit", 2)
    assert document == {
        "out": str(out),
        "reported": 2,
        "failed": 0,
        "answered_before": 0,
        "changed": 0,
        "problems": {},
    }
    assert main(["report", str(run_folder), str(folder), "--out", str(out)]) == 3
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"0 reported: {out}",
        "2 were answered before",
        "1 could not be read; their lines say why",
    ]
    first, second, broken = map(json.loads, out.read_text().splitlines())
    alone = answers("report", run_folder, folder / "a.png")
    mine = {"made_by": "hilum report", "id": "", "read": first["read"]}
    assert {**first, "id": "", "date": ""} == {**mine, **alone, "date": ""}
    assert second["images"] == [str(folder / "b.png")]
    assert "is empty" in broken["error"]


def test_a_prior_image_says_what_changed(answers, run_folder, chest, capsys):
    document = answers("report", run_folder, chest, "--prior", chest)
    assert set(document["changes"]) <= {finding.value for finding in Finding}
    assert "changes" not in answers("report", run_folder, chest)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["FOLDER"], "--out: is missing; name the file for the reports"),
        (["FOLDER", "--out", "r.jsonl", "--indication", "Cough."], "--indication: is of one study"),
        (["FOLDER", "--out", "r.jsonl", "--prior", "IMAGE"], "--prior: is of one study"),
        (["FOLDER", "IMAGE", "--out", "r.jsonl"], "IMAGE: are several, a folder among them"),
        (["FOLDER", "--out", "r.jsonl", "--limit", "0"], "--limit: is 0; give 1 or more"),
        (["IMAGE", "--out", "r.jsonl"], "--out: goes with a folder of films"),
        (["IMAGE", "--limit", "3"], "--limit: goes with a folder of films"),
    ],
)
def test_what_goes_with_a_folder_and_what_with_images(run_folder, chest, tmp_path, capsys, words, said):
    places = {"FOLDER": str(tmp_path), "IMAGE": str(chest)}
    assert main(["report", str(run_folder), *(places.get(word, word) for word in words)]) == 2
    assert said in capsys.readouterr().err


def test_a_question_is_the_last_word(answers, run_folder, chest):
    document = answers("ask", run_folder, chest, "Is there an effusion?")
    assert document["question"] == "Is there an effusion?"
    assert document["images"] == [str(chest)]
    assert isinstance(document["answer"], str)


def test_a_question_with_options_is_answered_by_one_of_them(answers, run_folder, chest):
    words = ["--option", "yes, there is", "--option", "no"]
    document = answers("ask", run_folder, *words, chest, "Is there an effusion?")
    assert document["options"] == ["yes, there is", "no"]
    assert document["answer"] in document["options"]
    assert "options" not in answers("ask", run_folder, chest, "Is there an effusion?")


def test_a_box_is_in_fractions_of_the_image_and_is_drawn(answers, run_folder, chest, tmp_path):
    out = tmp_path / "boxed.png"
    document = answers("locate", run_folder, chest, "left lung", "--out", out)
    assert document["boxes"]  # the grammar leaves a model no other answer
    assert document["found"] is None
    for x1, y1, x2, y2 in document["boxes"]:
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1
    with Image.open(out) as boxed, Image.open(chest) as film:
        assert boxed.height > film.height
        assert np.array_equal(np.asarray(boxed)[0, 0], [np.asarray(film)[0, 0]] * 3)
        assert document["weights"] in boxed.text["Software"]
        assert "not for clinical use" in boxed.text["Comment"]


def test_drawn_pictures_say_they_are_synthetic(answers, run_folder, tmp_path):
    out = tmp_path / "synthetic.png"
    document = answers("draw", run_folder, ENGLISH, "--out", out, "--n", 2, "--view", "AP", "--seed", 3)
    paths = [tmp_path / "synthetic-1.png", tmp_path / "synthetic-2.png"]
    assert document["images"] == [str(path) for path in paths]
    assert document["synthetic"] is True
    for path in paths:
        with Image.open(path) as picture:
            assert picture.text["Synthetic"].startswith("yes")
            assert document["weights"] in picture.text["Software"]
            edge = np.asarray(picture)[-8:]
        assert edge.max() > 200
        assert edge.min() == 0
    assert sorted(tmp_path.iterdir()) == paths


def test_a_drawing_is_written_larger_and_says_that_it_shows_no_more(answers, run_folder, tmp_path):
    words = ["draw", run_folder, ENGLISH, "--seed", 3, "--out", tmp_path / "a.png"]
    plain = answers(*words)
    assert (plain["size"], plain["drawn_size"], plain["resampled"]) == (32, 32, None)
    assert "Resampled" not in Image.open(tmp_path / "a.png").text
    large = answers(*words, "--size", 200)
    assert (large["size"], large["drawn_size"]) == (200, 32)
    assert "drawn with 32 pixels a side, enlarged by Lanczos" in large["resampled"]
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (200, 200)
        assert picture.text["Resampled"] == large["resampled"]


def test_drawings_come_as_one_sheet_at_the_path_given(answers, run_folder, tmp_path):
    out = tmp_path / "sheet.png"
    document = answers("draw", run_folder, ENGLISH, "--out", out, "--n", 3, "--sheet", "--size", 160)
    assert document["images"] == [str(out)]
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
    with Image.open(out) as sheet:
        assert sheet.text["Synthetic"].startswith("yes")
        assert sheet.text["Description"] == ENGLISH
        assert document["weights"] in sheet.text["Software"]
        assert sheet.width >= 2 * 160
        assert sheet.height >= 2 * 160


def test_the_same_seed_draws_the_same_picture(answers, run_folder, tmp_path):
    pictures = []
    for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        answers("draw", run_folder, ENGLISH, "--out", tmp_path / name, "--seed", seed)
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


@pytest.mark.parametrize("words", [["report"], ["ask", "Is there an effusion?"], ["locate", "effusion"]])
def test_answers_for_a_person(run_folder, chest, capsys, words):
    command, *rest = words
    assert main([command, str(run_folder), str(chest), *rest]) == 0
    said = capsys.readouterr().out
    assert not said.startswith("{")
    assert "research only — not for clinical use; what it was trained on is not known" in said
    assert f"warning: {chest}: the model was saved without statistics" in said


def test_phantoms_are_written_and_the_same_seed_gives_the_same_bytes(answers, tmp_path):
    document = answers("phantom", "--n", 3, "--out", tmp_path / "a", "--size", 64, "--seed", 5)
    assert document == {"out": str(tmp_path / "a"), "studies": 3, "size": 64, "seed": 5}
    answers("phantom", "--n", 3, "--out", tmp_path / "b", "--size", 64, "--seed", 5)
    first, second = (
        {str(p.relative_to(tmp_path / n)): p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()}
        for n in "ab"
    )
    assert first
    assert first == second


def test_phantoms_may_replace_phantoms(answers, tmp_path):
    answers("phantom", "--n", 2, "--out", tmp_path / "a", "--size", 64)
    answers("phantom", "--n", 1, "--out", tmp_path / "a", "--size", 64)
    assert len(list((tmp_path / "a" / "reports").iterdir())) == 1


def test_pictures_may_replace_pictures(answers, run_folder, chest, tmp_path):
    for _ in range(2):
        answers("draw", run_folder, ENGLISH, "--out", tmp_path / "synthetic.png")
        answers("locate", run_folder, chest, "heart", "--out", tmp_path / "boxed.png")


def test_building_prints_the_data_card(answers, tmp_path):
    words = ("--source", "phantom", "--limit", 12, "--views", 2, "--out", tmp_path / "shards")
    document = answers("build", *words)
    assert document["views"] == 2
    assert document == json.loads((tmp_path / "shards" / "card.json").read_text())
    assert (tmp_path / "shards" / "gallery.html").is_file()


def test_a_dry_run_refuses_the_output_that_a_build_would_refuse(capsys, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["build", "--source", "phantom", "--dry-run", "--out", str(tmp_path)]) == 2
    assert "mine.txt" in capsys.readouterr().err


def test_a_dry_run_says_what_a_build_would_hold_and_writes_nothing(capsys, answers, tmp_path):
    words = ["--source", "phantom", "--limit", "30"]
    found = answers("build", *words, "--dry-run")
    assert not list(tmp_path.iterdir())
    card = answers("build", *words, "--out", tmp_path / "shards")
    for split, counts in found["splits"].items():
        assert counts.items() <= card["splits"][split].items()
    assert main(["build", *words, "--dry-run"]) == 0
    counts = found["splits"]["train"]
    said = f"train: {counts['patients']} patients, {counts['studies']} studies, {counts['images']} images\n"
    assert said in capsys.readouterr().out


@pytest.fixture
def coded(tmp_path):
    """Ten patients with two films each, in a table of unusual names."""
    rows = [{"file": f"{p}{k}.png", "Code": f"P{p}", "Ward": "3"} for k in range(2) for p in range(10)]
    for row in rows:
        picture(tmp_path / "films" / row["file"])
    table(tmp_path / "films" / "metadata.csv", rows)
    return tmp_path / "films"


def test_columns_are_mapped_and_a_build_ends_with_its_counts(capsys, coded, tmp_path):
    words = ["build", "--source", f"folder={coded}", "--map", "patient=Code", "--map", "Edema=Ward"]
    assert main([*words, "--out", str(tmp_path / "o")]) == 3
    said = capsys.readouterr().out
    card = json.loads((tmp_path / "o" / "card.json").read_text())
    assert sum(split["patients"] for split in card["splits"].values()) == 10
    assert "reads image = file; patient = Code; findings = Ward" in said
    assert "train: " in said
    assert "20 × is not 1, 0, -1, yes, no or blank" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--map", "patient=Nobody"], r"films/metadata.csv has no such column; it has: file, Code"),
        (["--map", "person_=Code"], "person_ is no field; map one of image, patient"),
        (["--map", "patient"], "--map patient: is no FIELD=COLUMN"),
        (["--map", "=Code"], "--map =Code: is no FIELD=COLUMN"),
    ],
)
def test_a_map_that_fits_nothing_is_refused(capsys, coded, words, says):
    assert main(["build", "--source", f"folder={coded}", "--dry-run", *words]) == 2
    assert says in capsys.readouterr().err


def test_a_map_needs_a_folder_and_a_build_an_out(capsys):
    assert main(["build", "--source", "phantom", "--dry-run", "--map", "patient=Code"]) == 2
    assert "--map: is given, but no source is a folder" in capsys.readouterr().err
    assert main(["build", "--source", "phantom"]) == 2
    assert "--out: is missing" in capsys.readouterr().err


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A hundred made-up patients with a view each, in the layout of a public source."""
    folder = tmp_path_factory.mktemp("films") / "nih"
    return nih_folder(folder, [nih_row(i).replace("PA", "AP" if i % 3 else "PA") for i in range(100)])


def test_a_benchmark_gives_every_figure_its_interval(answers, run_folder, films):
    source = f"nih-chestxray14={films}"
    document = answers("bench", run_folder, "--source", source, "--task", "view_classification")
    (task,) = document["tasks"]
    assert task["low"] <= task["value"] <= task["high"]
    assert task["n"] > 3
    assert set(task["baselines"]) == {"majority", "no_image"}
    assert document["protocol"]["model"] == "tiny"
    assert len(document["rows"][0]) == len(document["columns"])


def test_a_benchmark_for_a_person(capsys, run_folder, films):
    source = f"nih-chestxray14={films}"
    assert main(["bench", str(run_folder), "--source", source, "--task", "view_classification"]) == 0
    assert "view" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["bench", "audit"])
def test_a_run_that_is_not_there_is_named_before_anything_else_is_asked_for(command, tmp_path, capsys):
    assert main([command, str(tmp_path / "nosuch")]) == 1
    assert "nosuch: is not a folder; name the folder" in capsys.readouterr().err


@pytest.mark.parametrize(("command", "more"), [("bench", []), ("audit", ["--min-n", "2"])])
def test_what_is_faulty_in_the_files_that_are_measured_is_counted_and_said(
    run_folder, tmp_path, capsys, command, more
):
    folder = nih_folder(tmp_path / "nih", [nih_row(i) for i in range(6)])
    broken = min(folder.rglob("*.png"))
    broken.write_bytes(broken.read_bytes()[:60])
    words = [
        command,
        str(run_folder),
        "--source",
        f"nih-chestxray14={folder}",
        "--task",
        "view_classification",
    ]
    assert main([*words, *more, "--split", "all"]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "nih-chestxray14: 5 studies of 5 patients; faults in its files: 1 × " in said
    assert main([*words, *more, "--split", "all", "--json"]) == 3
    (source,) = json.loads(capsys.readouterr().out)["measured"]["sources"]
    assert list(source["problems"].values()) == [1]


def test_a_dry_run_names_what_is_faulty(tmp_path, capsys):
    folder = nih_folder(tmp_path / "nih", [nih_row(0), nih_row(1).replace(",M,", ",X,")])
    assert main(["build", "--source", f"nih-chestxray14={folder}", "--dry-run"]) == 3
    said = capsys.readouterr().out
    assert re.search(r"^nih-chestxray14: 1 × ", said, re.MULTILINE)
    assert re.search(r"^such as 00000001_000\.png.*: has a sex", said, re.MULTILINE)


def test_a_benchmark_is_written_as_a_page_and_as_json(answers, run_folder, films, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["--source", f"nih-chestxray14={films}", "--split", "all", "--limit", 20, "--out", out]
    document = answers("bench", run_folder, *words)
    assert {"made_by": MARK, **document} == json.loads((out / "report.json").read_text())
    assert document["complete"]
    assert document["measured"]["sources"] == [
        {
            "source": "nih-chestxray14",
            "studies": 20,
            "patients": 20,
            "left_out": 0,
            "seen_in_training": None,
            "problems": {},
        }
    ]
    assert document["protocol"]["command"].endswith("--source nih-chestxray14 --split all --limit 20")
    assert {"finding_f1", "progression"} <= {row["name"] for row in document["skipped"]}
    assert "<h2 id=" in (out / "report.html").read_text()
    items = (out / "items.jsonl").read_text()
    assert items.count('"nih-chestxray14"') >= 20
    assert "_000" not in items, "an image's name, which holds the patient's"
    answers("bench", run_folder, *words)
    words += ["--task", "view_classification"]
    assert main(["bench", str(run_folder), *map(str, words)]) == 2
    assert "choose another folder" in capsys.readouterr().err
    words[words.index(out)] = other = out.with_name("other")
    assert main(["bench", str(run_folder), *map(str, words)]) == 0
    shown = capsys.readouterr().out
    assert "nih-chestxray14: 20 studies of 20 patients" in shown
    assert f"the page: {other / 'report.html'}" in shown


@pytest.mark.parametrize("as_json", [True, False])
def test_what_a_broken_off_benchmark_has_finished_is_kept_and_shown(
    capsys, run_folder, tmp_path, monkeypatch, as_json
):
    run = sys.modules["hilum.bench.run"]
    honest, calls = run.ask_all, []

    def interrupted(*words):
        calls.append(words)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return honest(*words)

    monkeypatch.setattr(run, "ask_all", interrupted)
    source = ["--source", "phantom", "--split", "all", "--limit", 12]
    words = ["bench", run_folder, *source, "--out", tmp_path / "out"]
    assert main([*map(str, words), *(["--json"] if as_json else [])]) == 130
    shown = capsys.readouterr()
    assert "interrupted" in shown.err.splitlines()[-1]
    kept = json.loads((tmp_path / "out" / "report.json").read_text())
    assert not kept["complete"]
    assert [task["name"] for task in kept["tasks"]] == [
        "finding_f1",
        "fact_f1",
        "judge_score",
        "length",
        "impression_finding_f1",
    ]
    assert "Unfinished" in (tmp_path / "out" / "report.html").read_text()
    if as_json:
        assert {"made_by": MARK, **json.loads(shown.out)} == kept
    else:
        assert "unfinished: the tasks that were still to come are missing" in shown.out
        assert "impression_finding_f1" in shown.out


def test_views_of_one_study_may_be_of_different_kinds(answers, run_folder, chest, tmp_path):
    lateral = tmp_path / "lateral.dcm"
    lateral.write_bytes(as_bytes(film(np.arange(4096, dtype=np.uint8).reshape(64, 64), ViewPosition="LL")))
    document = answers("report", run_folder, chest, lateral)
    assert document["images"] == [str(chest), str(lateral)]
    assert document["findings"]


def test_nothing_but_the_answer_is_printed(hilum_process, run_folder, chest):
    done = hilum_process("ask", run_folder, chest, "Is there an effusion?", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["question"] == "Is there an effusion?"


@pytest.mark.data
def test_every_real_chest_is_reported_and_the_hip_refused(answers, run_folder, data_root, capsys):
    for path in sorted((data_root / "dicom").glob("*.dcm")):
        if "hip" in path.name:
            assert main(["report", str(run_folder), str(path)]) == 1
            assert path.name in capsys.readouterr().err
            assert "findings" in answers("report", run_folder, path, "--force")
        else:
            assert "findings" in answers("report", run_folder, path)
