"""Any image-text model of `transformers`: batches change nothing, likelihoods are those of the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from bench.adapters.helpers import every_kind
from hilum.bench.adapters import Adapter, Failure, Kind, Question, open_adapter
from hilum.bench.adapters.asking import in_words
from hilum.bench.adapters.transformers_model import TransformersModel
from hilum.errors import DataError, UsageError
from hilum.model import Model, Writes
from model import stock


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A LLaVA of random weights, scaled up so that its answers differ."""
    model = Model.of_parts(
        stock.language("llama"),
        stock.tokenizer(),
        encoder=stock.encoder("siglip"),
        writes=Writes.NOTHING,
        layout="chatml",
    )
    with torch.no_grad():
        for weights in model.network.parameters():
            if weights.ndim > 1:
                weights.mul_(6)
    path = model.save(tmp_path_factory.mktemp("llava") / "run")
    (path / "hilum.json").unlink()
    return path


@pytest.fixture(scope="module")
def adapter(folder) -> TransformersModel:
    return TransformersModel.load(str(folder), max_new_tokens=8)


@pytest.fixture(scope="module")
def questions(tmp_path_factory) -> list[Question]:
    return every_kind(tmp_path_factory.mktemp("films"))


def test_every_task_has_a_reply(adapter, questions) -> None:
    assert isinstance(adapter, Adapter)
    for reply in adapter.answer(questions):
        assert reply.failure is not Failure.CRASHED, reply.detail


def test_a_batch_answers_as_one_by_one(adapter, questions) -> None:
    together = adapter.answer(questions)
    assert together == [adapter.answer([question])[0] for question in questions]
    assert len({reply.text for reply in together}) > 1


def test_an_answer_is_what_plain_transformers_gives(adapter, folder, questions) -> None:
    view = questions[0]
    processor = AutoProcessor.from_pretrained(folder)
    network = AutoModelForImageTextToText.from_pretrained(folder).eval()
    content = [{"type": "image"}, {"type": "text", "text": in_words(view)}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    film = Image.open(view.images[0]).convert("RGB")
    inputs = processor(images=[film], text=[text], return_tensors="pt", add_special_tokens=False)
    out = network.generate(**inputs, max_new_tokens=8, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert adapter.answer([view])[0].text == processor.tokenizer.decode(out, skip_special_tokens=True)


def test_likelihoods_are_the_network_s_whatever_the_batch(adapter, questions) -> None:
    found = adapter.loglikelihood(questions)
    view = questions[0]
    network, processor = adapter.network, adapter.processor
    content = [{"type": "image"}, {"type": "text", "text": view.prompt}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    film = Image.open(view.images[0]).convert("RGB")
    for option, score in zip(view.options, found[0], strict=True):
        ids = processor.tokenizer(option, add_special_tokens=False)["input_ids"]
        inputs = processor(images=[film], text=[text], return_tensors="pt", add_special_tokens=False)
        prompt = inputs["input_ids"].shape[1]
        inputs["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([ids])], 1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        with torch.inference_mode():
            log_probs = network(**inputs).logits[0, prompt - 1 : -1].log_softmax(-1)
        plain = sum(float(row[token]) for row, token in zip(log_probs, ids, strict=True)) / len(ids)
        assert score == pytest.approx(plain, abs=1e-4)
    for question, scores in zip(questions, found, strict=True):
        assert len(scores) == len(question.options)
        assert scores == pytest.approx(adapter.loglikelihood([question])[0], abs=1e-4)


def test_a_bad_question_fails_alone(adapter, questions) -> None:
    mixed = [questions[0], replace(questions[0], images=(Path("missing.png"),)), questions[1]]
    assert [reply.failure is Failure.CRASHED for reply in adapter.answer(mixed)] == [False, True, False]
    assert [len(scores) for scores in adapter.loglikelihood(mixed)] == [3, 0, 2]


def test_an_answer_that_never_ends_is_too_long(adapter, questions) -> None:
    silent = TransformersModel(adapter.network, adapter.processor, name="silent", max_new_tokens=3)
    own = silent.network.generation_config.eos_token_id
    try:
        silent.network.generation_config.eos_token_id = 5
        assert silent.answer(questions[:1])[0].failure is Failure.TOO_LONG
    finally:
        silent.network.generation_config.eos_token_id = own


def test_a_film_that_is_no_picture_of_eight_bits_is_read(adapter, tmp_path) -> None:
    Image.new("I;16", (40, 30), 1000).save(tmp_path / "deep.png")
    [reply] = adapter.answer([Question("1", Kind.TEXT, "?", (tmp_path / "deep.png",))])
    assert reply.failure is not Failure.CRASHED, reply.detail


def test_the_description_names_weights_and_template(adapter, folder) -> None:
    assert open_adapter(f"hf:{folder}").describe()["weights"] == adapter.describe()["weights"]
    other = adapter.processor.chat_template + " "
    own, adapter.processor.chat_template = adapter.processor.chat_template, other
    changed = adapter.describe()
    adapter.processor.chat_template = own
    assert changed["template"] != adapter.describe()["template"]


def test_what_is_no_model_is_refused(tmp_path, adapter) -> None:
    with pytest.raises(DataError, match="cannot be loaded"):
        open_adapter(f"hf:{tmp_path}")
    with pytest.raises(UsageError, match="has no chat template"):
        TransformersModel(adapter.network, adapter.tokenizer.backend_tokenizer, name="bare")
