"""Each command run for real on a run folder with random weights."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from cli.test_bad_input import nih_folder, nih_row
from hilum.cli import main
from images.dicoms import as_bytes, film

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
    assert list(effusion) == ["finding", "presence", "side", "site", "severity", "change", "span"]
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
    assert (same["score"], same["state"]) == (1.0, "ok")
    assert other["score"] < 1
    assert any(other["errors"].values())
    assert (empty["score"], empty["state"]) == (None, "empty")
    assert document["mean"] == pytest.approx((same["score"] + other["score"]) / 2)


def test_judging_for_a_person(capsys, tmp_path):
    path = tmp_path / "r.txt"
    path.write_text(f"{ENGLISH}\n")
    assert main(["judge", "--references", str(path), "--candidates", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "mean 1.000"


def test_a_report_says_which_weights_wrote_it(answers, run_folder, chest):
    document = answers("report", run_folder, chest, chest, "--indication", "Cough.")
    assert document["indication"] == "Cough."
    assert {"comparison", "findings", "impression"} <= set(document)
    assert document["images"] == [str(chest)] * 2
    assert document["model"] == "tiny"
    assert len(document["weights"]) == 12
    assert document["use"] == "research only"


def test_a_question_is_the_last_word(answers, run_folder, chest):
    document = answers("ask", run_folder, chest, "Is there an effusion?")
    assert document["question"] == "Is there an effusion?"
    assert document["images"] == [str(chest)]
    assert isinstance(document["answer"], str)


def test_a_box_is_in_fractions_of_the_image_and_is_drawn(answers, run_folder, chest, tmp_path):
    out = tmp_path / "boxed.png"
    document = answers("locate", run_folder, chest, "effusion", "--out", out)
    assert document["boxes"]  # the grammar leaves a model no other answer
    for x1, y1, x2, y2 in document["boxes"]:
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1
    assert Image.open(out).size == Image.open(chest).size


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
    assert not capsys.readouterr().out.startswith("{")


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
    document = answers("build", "--source", "phantom", "--limit", 12, "--out", tmp_path / "shards")
    assert document == json.loads((tmp_path / "shards" / "card.json").read_text())
    assert (tmp_path / "shards" / "gallery.html").is_file()


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
