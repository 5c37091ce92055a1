"""The model a person uses: it answers, is saved and comes back bit by bit; a damaged folder is one error."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import hilum
from hilum.errors import DataError, UsageError
from hilum.images import Fit, Radiograph, fit, unfit_box
from hilum.model import Model, ModelConfig, Reads, Writes, asking
from hilum.model.intact import Fingerprint
from hilum.study import Position, Report, Study, View
from model.helpers import image_tokenizer, picture, prompt, tiny, vocabulary

SWITCHES = [
    (Reads.CODES, Writes.CODES),
    (Reads.FEATURES, Writes.NOTHING),
    (Reads.FEATURES, Writes.CODES),
    (Reads.BOTH, Writes.CODES),
]


@pytest.mark.parametrize(("reads", "writes"), SWITCHES)
def test_a_saved_model_comes_back_bit_by_bit(tmp_path, reads, writes) -> None:
    model = replace(tiny(reads, writes), fit=Fit.PAD, name="tiny")
    loaded = hilum.load(model.save(tmp_path / "run"))
    mine, theirs = model.network.state_dict(), loaded.network.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert (loaded.config, loaded.fit, loaded.name) == (model.config, Fit.PAD, "tiny")
    assert loaded.weights_hash() == model.weights_hash()
    assert not loaded.network.training
    asked = [prompt("Is there a pneumothorax?", 1), prompt("Where?", 2, locate=True)]
    asked += [prompt("Draw.", draw=True)] * (writes is Writes.CODES)
    before = model.answer(asked, n=2, temperature=0.7, max_new_tokens=12)
    after = loaded.answer(asked, n=2, temperature=0.7, max_new_tokens=12)
    for a, b in zip(chain(*before), chain(*after), strict=True):
        assert (a.text, a.codes, a.boxes, a.finished) == (b.text, b.codes, b.boxes, b.finished)
        assert a.image is None or np.array_equal(a.image, b.image)


def test_saving_replaces_the_folder_whole(tmp_path) -> None:
    model = tiny()
    folder = model.save(tmp_path / "run")
    names = ("model.safetensors", "hilum.json", "tokenizer.json", "image_tokenizer/model.safetensors")
    first = [(folder / name).read_bytes() for name in names]
    Model.load(folder).save(folder)
    assert [(folder / name).read_bytes() for name in names] == first
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_saving_never_takes_the_place_of_a_folder_that_is_not_its_own(tmp_path) -> None:
    folder = tiny().save(tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    for name in ("run", "run/image_tokenizer/.."):
        with pytest.raises(UsageError, match=r"holds notes.txt, which Hilum did not write; move it"):
            tiny(seed=1).save(tmp_path / name)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_the_model_inside_a_quickstart_folder_is_found(tmp_path) -> None:
    model = tiny(Reads.FEATURES, Writes.NOTHING)
    model.save(tmp_path / "quickstart" / "model")
    assert Model.load(tmp_path / "quickstart").weights_hash() == model.weights_hash()


def test_the_hash_knows_every_weight() -> None:
    model = tiny()
    before = model.weights_hash()
    assert before == tiny().weights_hash()
    assert before != tiny(seed=1).weights_hash()
    with torch.no_grad():
        list(model.network.parameters())[-1].view(-1)[-1].add_(1e-3)
    assert model.weights_hash() != before


def test_the_hash_saved_with_the_weights_is_read_back_not_computed(tmp_path, monkeypatch) -> None:
    model = tiny()
    folder, digits = model.save(tmp_path / "run"), model.weights_hash()
    monkeypatch.setattr(Fingerprint, "of", None)
    loaded = Model.load(folder)
    loaded.answer([prompt("Is there a pneumothorax?", 1)], max_new_tokens=2)
    assert loaded.weights_hash() == replace(loaded, name="other").weights_hash() == digits
    assert loaded.provenance()["weights"] == digits


def test_a_model_changed_since_it_was_loaded_has_another_hash(tmp_path) -> None:
    folder = tiny().save(tmp_path / "run")
    loaded = Model.load(folder)
    other = replace(loaded, network=tiny(seed=1).network)
    assert other.weights_hash() == tiny(seed=1).weights_hash() != loaded.weights_hash()
    loaded.network.load_state_dict(tiny(seed=1).network.state_dict())
    assert loaded.weights_hash() == other.weights_hash()
    with torch.inference_mode():
        untracked = tiny()
    assert untracked.weights_hash() == tiny().weights_hash()
    with torch.inference_mode():
        next(untracked.network.parameters()).mul_(2)
    assert untracked.weights_hash() != tiny().weights_hash()


def test_the_hash_of_a_model_saved_without_one_is_computed(tmp_path) -> None:
    folder = tiny().save(tmp_path / "run")
    card = json.loads((folder / "hilum.json").read_text())
    assert card.pop("weights") == tiny().weights_hash()
    (folder / "hilum.json").write_text(json.dumps(card))
    assert Model.load(folder).weights_hash() == tiny().weights_hash()


def test_a_model_saved_before_images_had_roles_is_asked_as_it_was_taught(tmp_path) -> None:
    folder = tiny(views=2).save(tmp_path / "run")
    card = json.loads((folder / "hilum.json").read_text())
    assert card["config"].pop("views") == Model.load(folder).config.views == 2
    (folder / "hilum.json").write_text(json.dumps(card))
    assert Model.load(folder).config.views == 0


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return tiny().save(tmp_path_factory.mktemp("saved") / "run")


def _cut(path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _edit(path, **changes) -> None:
    card = json.loads(path.read_text())
    path.write_text(json.dumps({**card, **changes}))


def _drop_weight(path) -> None:
    weights = load_file(path)
    weights.pop(next(name for name in weights if "o_proj" in name))
    save_file(weights, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: shutil.rmtree(f), "is not a folder"),
        (lambda f: (f / "hilum.json").unlink(), "holds no hilum model"),
        (lambda f: (f / "hilum.json").write_text("{"), "hilum.json: is damaged"),
        (lambda f: (f / "hilum.json").write_text("[]"), "hilum.json: is damaged"),
        (lambda f: (f / "hilum.json").write_bytes(b"\xff\xfe"), "hilum.json: is damaged"),
        (lambda f: _edit(f / "hilum.json", config={"reads": "smell", "writes": "codes"}), "hilum.json"),
        (lambda f: _edit(f / "hilum.json", config={"reads": "codes"}), "hilum.json"),
        (lambda f: _edit(f / "hilum.json", config=[1]), "hilum.json"),
        (lambda f: _edit(f / "hilum.json", fit="stretch"), "hilum.json"),
        (
            lambda f: _edit(f / "hilum.json", config={"reads": "features", "writes": "codes", "patch": 15}),
            "hilum.json",
        ),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors: is missing; training has not"),
        (lambda f: _cut(f / "model.safetensors"), "weights cannot be read"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), "weights cannot be read"),
        (lambda f: (f / "config.json").unlink(), "weights cannot be read"),
        (lambda f: (f / "config.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "config.json").write_text("{}"), "cannot be read"),
        (lambda f: _drop_weight(f / "model.safetensors"), "lacks weights"),
        (lambda f: _edit(f / "config.json", text_config={"hidden_size": 64}), "weights cannot be read"),
        (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json: is missing"),
        (lambda f: _cut(f / "image_tokenizer" / "model.safetensors"), "holds no whole image tokenizer"),
        (lambda f: shutil.rmtree(f / "image_tokenizer"), "holds no whole image tokenizer"),
    ],
)
def test_a_damaged_folder_is_one_error_that_names_it(saved, tmp_path, damage, said) -> None:
    folder = tmp_path / "run"
    shutil.copytree(saved, folder)
    _edit(folder / "hilum.json", sha256={})  # as models were saved before they carried checksums
    damage(folder)
    with pytest.raises(DataError, match=said) as caught:
        Model.load(folder)
    assert "run" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_save_that_fails_leaves_the_model_that_was_there(tmp_path, monkeypatch) -> None:
    model = tiny()
    folder = model.save(tmp_path / "run")
    other = tiny(seed=1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(other.vocabulary.tokenizer.__class__, "save_pretrained", full)
    with pytest.raises(OSError, match="No space"):
        other.save(folder)
    monkeypatch.undo()
    assert Model.load(folder).weights_hash() == model.weights_hash()
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def study(count: int) -> Study:
    views = tuple(View(str(i), lambda i=i: picture(i), Position.PA) for i in range(count))
    return Study("s", "p", "test", views)


@pytest.mark.parametrize(("reads", "writes"), SWITCHES)
def test_a_report_has_findings_and_their_impression(reads, writes) -> None:
    model = tiny(reads, writes, context=1024)
    report = model.report(study(2), indication="Cough.")
    assert isinstance(report, Report)
    assert report.indication == "Cough."
    radiographs = [Radiograph(picture(i), Position.PA) for i in range(2)]
    assert report == model.report(radiographs, indication="Cough.")
    assert report.findings != model.report([picture(5)], indication="Cough.").findings
    assert report.findings


def test_a_report_is_as_long_as_asked_for() -> None:
    model = tiny(context=1024)
    whole, cut = (model.report(study(1), max_new_tokens=cap) for cap in (None, 4))
    assert len(cut.findings.split()) <= 4 < len(whole.findings.split())
    with pytest.raises(UsageError, match="max_new_tokens: is 0"):
        model.report(study(1), max_new_tokens=0)


def test_a_question_is_answered_from_the_images() -> None:
    model = tiny()
    one, again, other = (model.ask([picture(i)], "Is there a nodule?") for i in (0, 0, 9))
    assert one == again
    assert one.text != other.text
    with pytest.raises(UsageError, match="images: are missing"):
        model.ask([], "Is there a nodule?")


@pytest.mark.parametrize("how", list(Fit))
def test_a_place_is_given_in_the_image_s_own_frame(how) -> None:
    model = replace(tiny(), fit=how)
    tall = np.random.default_rng(0).random((80, 40)).astype(np.float32)
    answer = model.locate(tall, "left lung")
    [box] = answer.boxes
    square = fit(tall, 32, how)
    [[raw]] = model.answer([asking.locate_prompt(square, "left lung")])
    [inside] = raw.boxes
    assert box == pytest.approx(unfit_box(inside, (80, 40), how))


def test_drawings_differ_and_are_pictures() -> None:
    model = tiny()
    drawn = model.draw("Small left pleural effusion.", n=3, seed=4)
    assert len({answer.codes for answer in drawn}) > 1
    for answer in drawn:
        assert answer.image.shape == (32, 32)
        assert 0 <= answer.image.min() < answer.image.max() <= 1
        back = image_tokenizer().decode(torch.tensor([answer.codes]))[0].numpy()
        assert np.abs(back - answer.image).max() < 1e-5
    again = model.draw("Small left pleural effusion.", n=3, seed=4)
    assert [a.codes for a in drawn] == [a.codes for a in again]


def test_a_model_that_writes_no_images_says_so() -> None:
    with pytest.raises(UsageError, match="does not write images"):
        tiny(Reads.FEATURES, Writes.NOTHING).draw("A normal heart.")


def test_images_and_their_names_must_agree() -> None:
    asked = replace(prompt("Any nodule?", 1, 2), images=(picture(1),))
    with pytest.raises(UsageError, match="2 images are named, 1 given"):
        tiny().answer([asked])


def test_codes_need_an_image_tokenizer() -> None:
    with pytest.raises(UsageError, match="image_tokenizer: is missing"):
        Model.new(ModelConfig(Reads.CODES), vocabulary())


def test_answers_come_in_the_order_of_the_prompts() -> None:
    """Sorted by length and kind inside, and more of them than one batch holds."""
    model = tiny()
    asked = [prompt("No. " * (1 + i % 5), i, locate=i % 3 == 0) for i in range(20)]
    together = model.answer(asked, n=8, temperature=0.8, max_new_tokens=6, seed=2)
    assert [len(row) for row in together] == [8] * 20
    assert model.answer([], n=8) == []
    greedy = model.answer(asked, max_new_tokens=6)
    assert greedy == [model.answer([p], max_new_tokens=6)[0] for p in asked]


@pytest.mark.parametrize("batch", [1, 2, 3, 64])
@pytest.mark.parametrize("reads", list(Reads))
def test_an_answer_does_not_depend_on_the_batch_it_is_in(monkeypatch, reads, batch) -> None:
    """Words, boxes and guided pictures; each with images of its own, also beyond the first batch."""
    model = tiny(reads)
    asked = [
        prompt("Any nodule? " * (1 + i % 3), *range(10 * i, 10 * i + i % 3), locate=i % 4 == 1 and i % 3 > 0)
        for i in range(7)
    ]
    asked += [prompt("Small left pleural effusion.", draw=True), prompt("No. " * 5, draw=True)]
    alone = [model.answer([p], max_new_tokens=8)[0][0] for p in asked]
    monkeypatch.setattr("hilum.model.model.BATCH", batch)
    together = [row[0] for row in model.answer(asked, max_new_tokens=8)]
    assert [(a.text, a.boxes, a.codes) for a in together] == [(a.text, a.boxes, a.codes) for a in alone]
    assert len({(a.text, a.codes) for a in alone}) > 4
    for one, other in zip(together, alone, strict=True):
        if other.image is not None:
            np.testing.assert_allclose(one.image, other.image, atol=1e-5)
