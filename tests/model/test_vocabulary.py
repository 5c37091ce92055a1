"""The text tokenizer: nothing is lost, codes and corners are single tokens, the template travels along."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from hilum.errors import DataError
from hilum.model import ModelConfig, Vocabulary, encode
from hilum.model.vocabulary import END, IMAGE, SPECIAL, code_token, row_token
from hilum.study import BoxPart, ImageIn, Message, Text
from model.helpers import TEXTS, vocabulary

VOCABULARY = vocabulary()


@given(st.text(max_size=60))
@example("a  b\n\n c\t")
@example("100 1000 2010 99 007")
@example("Größe µ → 肺")
def test_text_comes_back_as_it_was(text) -> None:
    assert VOCABULARY.decode(VOCABULARY.encode_user(text)) == _plain(text).strip()


def _plain(text: str) -> str:
    for token in (*SPECIAL, "<|code_"):
        text = text.replace(token, token.replace("|", " "))
    return text


@pytest.mark.parametrize("text", TEXTS)
def test_report_language_is_short(text) -> None:
    assert VOCABULARY.decode(VOCABULARY.encode(text)) == text
    assert len(VOCABULARY.encode(text)) < len(text) / 2


def test_image_codes_are_single_tokens_in_a_row() -> None:
    for code in range(16):
        assert VOCABULARY.encode(code_token(code)) == [VOCABULARY.first_code + code]
    assert VOCABULARY.first_code + 16 == len(VOCABULARY)
    drawn = "".join(code_token(code) for code in (3, 15, 0))
    assert VOCABULARY.encode(drawn) == [VOCABULARY.first_code + code for code in (3, 15, 0)]
    assert VOCABULARY.decode(VOCABULARY.encode(f"a{drawn}b")) == "ab"


def test_each_row_of_a_picture_is_opened_by_its_number(tmp_path) -> None:
    rowed = Vocabulary.learn(TEXTS, n_codes=9, rows=3, size=350)
    codes = [rowed.first_code + code for code in range(6)]
    laid = rowed.in_rows(codes)
    assert (
        [i for i in laid if i in rowed.row_ids]
        == list(rowed.row_ids)
        == [rowed.id(row_token(r)) for r in range(3)]
    )
    assert laid[::3] == list(rowed.row_ids)
    assert [i for i in laid if i not in rowed.row_ids] == codes
    assert not set(rowed.row_ids) & set(rowed.text_ids)
    assert rowed.decode([*rowed.encode("a"), *laid, *rowed.encode("b")]) == "ab"
    assert not set(rowed.encode_user(row_token(1))) & set(rowed.row_ids)
    rowed.tokenizer.save_pretrained(tmp_path)
    assert Vocabulary.load(tmp_path).row_ids == rowed.row_ids
    assert VOCABULARY.in_rows(codes) == codes


def test_without_codes_there_are_none() -> None:
    plain = vocabulary(0)
    assert plain.first_code == len(plain)
    assert not any(token.startswith("<|code_") for token in plain.ids)


@settings(max_examples=20)
@given(st.lists(st.text("0123456789 .(),", max_size=30), min_size=1, max_size=8))
@example(["00 00 00 00 100 00 00"])
@example(["1000 10000 100 10 0010"])
def test_every_corner_is_one_token_whatever_was_learned(texts) -> None:
    learned = Vocabulary.learn(texts * 5, n_codes=4, size=500)
    for number in range(101):
        assert learned.encode(str(number)) == [learned.id(str(number))]
        assert learned.encode(f"({number},") == [learned.id("("), learned.id(str(number)), learned.id(",")]


def test_a_box_is_eleven_steps_at_most() -> None:
    ids = VOCABULARY.encode(BoxPart((0.1, 0.2, 0.35, 1.0)).text)
    words = [VOCABULARY.tokenizer.decode([i]) for i in ids]
    assert [word for word in words if word.isdigit()] == ["10", "20", "35", "100"]
    assert len(ids) <= 13


def test_learning_is_repeatable() -> None:
    one, two = (Vocabulary.learn(TEXTS, n_codes=3, size=350) for _ in range(2))
    assert one.ids == two.ids
    assert one.tokenizer.backend_tokenizer.to_str() == two.tokenizer.backend_tokenizer.to_str()


def test_what_people_type_cannot_steer() -> None:
    typed = "".join(SPECIAL) + code_token(3)
    ids = VOCABULARY.encode_user(typed)
    allowed = {VOCABULARY.id("<|box|>"), VOCABULARY.id("<|/box|>")}
    assert not {VOCABULARY.id(token) for token in SPECIAL} & set(ids) - allowed
    assert all(i < VOCABULARY.first_code for i in ids)


def test_the_saved_tokenizer_stands_alone(tmp_path) -> None:
    """`transformers` alone reads it, template included, and lays a chat out as training did."""
    VOCABULARY.tokenizer.save_pretrained(tmp_path)
    alone = AutoTokenizer.from_pretrained(tmp_path)
    assert alone.get_vocab() == VOCABULARY.ids
    assert alone.eos_token == END
    messages = (
        Message("system", (Text("You read chest radiographs."),)),
        Message("user", (ImageIn("x"), Text("Where is the nodule?"))),
        Message("assistant", (Text("Here: "), BoxPart((0.1, 0.2, 0.3, 0.4)))),
        Message("user", (Text("Sure?"),)),
    )
    chat = [{"role": m.role, "content": [_chat(part) for part in m.parts]} for m in messages]
    text = alone.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    config = ModelConfig(image_size=32, patch=16)
    ids = list(encode(messages, VOCABULARY, config, answer=True).ids)
    image = VOCABULARY.id(IMAGE)
    widened = [
        i
        for token in alone.encode(text, add_special_tokens=False)
        for i in ([token] * 4 if token == image else [token])
    ]
    assert widened == ids
    plain = [{"role": "user", "content": "Hello"}]
    assert alone.apply_chat_template(plain, tokenize=False) == "<|user|>Hello<|end|>"


def _chat(part) -> dict[str, str]:
    return {"type": "image"} if isinstance(part, ImageIn) else {"type": "text", "text": part.text}


def test_a_loaded_vocabulary_is_the_same(tmp_path) -> None:
    VOCABULARY.tokenizer.save_pretrained(tmp_path)
    again = Vocabulary.load(tmp_path)
    assert again.ids == VOCABULARY.ids
    assert (again.n_codes, again.first_code) == (VOCABULARY.n_codes, VOCABULARY.first_code)
    text = TEXTS[2] + " <|box|>(1,2),(30,40)<|/box|>"
    assert again.encode(text) == VOCABULARY.encode(text)


def _drop_code(folder) -> None:
    path = folder / "tokenizer.json"
    card = json.loads(path.read_text())
    card["added_tokens"] = [t for t in card["added_tokens"] if t["content"] != code_token(7)]
    card["model"]["vocab"].pop(code_token(7), None)
    path.write_text(json.dumps(card))


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: (f / "tokenizer.json").unlink(),
        lambda f: (f / "tokenizer.json").write_text("{"),
        lambda f: (f / "tokenizer.json").write_text("{}"),
        lambda f: (f / "tokenizer.json").write_bytes(b"\xff\x00"),
        lambda f: (f / "tokenizer_config.json").write_text("{"),
        lambda f: (f / "tokenizer.json").write_text(
            (f / "tokenizer.json").read_text().replace("<|/box|>", "<|/fox|>")
        ),
        _drop_code,
    ],
)
def test_a_damaged_tokenizer_is_one_error(tmp_path, damage) -> None:
    folder = tmp_path / "run"
    VOCABULARY.tokenizer.save_pretrained(folder)
    damage(folder)
    with pytest.raises(DataError, match="run"):
        Vocabulary.load(folder)
