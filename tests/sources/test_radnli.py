from hilum.study import Split, TextExample, TextKind
from sources.helpers import lines, read, said
from sources.mimic_texts_layout import write_radnli


def pair(number, label="neutral", one="A.", two="B."):
    return {"pair_id": number, "sentence1": one, "sentence2": two, "gold_label": label}


def test_every_pair_arrives_in_its_order(tmp_path):
    studies, problems = read("radnli", write_radnli(tmp_path))
    assert not len(problems)
    assert [s.id for s in studies[:2]] == ["radnli/dev-0", "radnli/dev-1"]
    assert studies[0].texts == (
        TextExample(
            TextKind.INFERENCE,
            ("The heart of patient 0 is enlarged.", "Cardiomegaly."),
            "entailment",
            ("entailment", "neutral", "contradiction"),
        ),
    )
    assert all(not s.views for s in studies)
    assert [s.split for s in studies] == [Split.VAL] * 6 + [Split.TEST] * 6


def test_both_orders_of_a_pair_are_two_examples(tmp_path):
    lines(tmp_path / "radnli_dev_v1.jsonl", [pair("1"), pair("2", "entailment", "B.", "A.")])
    notes = []
    studies, _ = read("radnli", tmp_path, notes=notes)
    assert [s.texts[0].texts for s in studies] == [("A.", "B."), ("B.", "A.")]
    assert notes == ["radnli_test_v1.jsonl is not there: its pairs are not read"]


def test_bad_rows_are_counted_and_the_others_kept(tmp_path):
    rows = [pair(1), pair("1"), pair("2", "maybe"), pair("3", one=" "), pair(""), ["no object"]]
    lines(tmp_path / "radnli_test_v1.jsonl", rows)
    (one,), problems = read("radnli", tmp_path)
    assert one.id == "radnli/test-1"
    assert problems.counts == {
        "is a duplicate id": 1,
        "has a gold_label that is none of entailment, neutral, contradiction": 1,
        "has no pair_id or not two sentences": 2,
        "is not a JSON object": 1,
    }, said(problems)
    assert any(line.startswith("radnli_test_v1.jsonl, line 4:") for line in said(problems))
