"""The chat template is the only layout: whatever the tokenizer, targets and control tokens are right."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from hilum.errors import DataError, UsageError
from hilum.model import ModelConfig, Reads, Vocabulary, Writes, encode
from hilum.model.grammar import Grammar, Kind, Masks
from hilum.model.layout import FLATTEN, Layout, known_layouts
from hilum.study import (
    BoxPart,
    Conversation,
    ImageIn,
    ImageOut,
    Message,
    Position,
    Split,
    Task,
    Text,
    parse_boxes,
)
from model import stock
from model.helpers import TEXTS
from model.helpers import vocabulary as own_vocabulary

LAYOUTS = sorted(known_layouts())
VOCABULARIES = {
    name: Vocabulary.extend(stock.tokenizer(), n_codes=6, rows=2, layout=name) for name in LAYOUTS
}
CONFIG = ModelConfig(Reads.BOTH, Writes.CODES, image_size=32, patch=16)
CODES = {"a": (0, 1, 2, 3), "b": (5, 4, 3, 2)}
TALK = (
    Message("user", (ImageIn("a"), Text("Any effusion?"))),
    Message("assistant", (Text("Yes: "), BoxPart((0.1, 0.2, 0.35, 1.0)))),
    Message("user", (Text("Draw it."),)),
    Message("assistant", (ImageOut("b"),)),
)


@pytest.mark.parametrize("name", LAYOUTS)
def test_only_answers_and_their_ends_are_learned(name) -> None:
    vocabulary = VOCABULARIES[name]
    encoded = encode(TALK, vocabulary, CONFIG, codes_of=CODES.__getitem__)
    learned = [i for i, target in zip(encoded.ids, encoded.targets, strict=True) if target]
    text = vocabulary.tokenizer.decode(learned)
    end = known_layouts()[name]["end"]
    said, drawn, rest = text.split(end)
    assert said.strip() == "Yes: <|box|>(10,20),(35,100)<|/box|>"
    rows = "<|codes|><|row_0|><|code_5|><|code_4|><|row_1|><|code_3|><|code_2|><|/codes|>"
    assert drawn.strip() == rows
    assert rest == ""


SPACED = (
    "{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}"
    "{% if m['role'] == 'assistant' %}{{ '<|eot|>' }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
)
"""A space before every answer, which the tokenizer joins to its first word."""


@cache
def spaced() -> Vocabulary:
    tokenizer = bare(SPACED)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|eot|>"]})
    return Vocabulary.extend(tokenizer)


@pytest.mark.parametrize("name", [*LAYOUTS, "spaced"])
@settings(max_examples=30, deadline=None)
@given(
    answers=st.lists(
        st.lists(st.sampled_from(TEXTS) | st.text(min_size=1, max_size=8), min_size=1, max_size=2).map(
            "".join
        ),
        min_size=1,
        max_size=3,
    )
)
def test_targets_are_the_answers_and_their_ends_whatever_is_said(name, answers) -> None:
    """Save white space, which a tokenizer may join to a word."""
    vocabulary = VOCABULARIES.get(name) or spaced()
    talk = [
        message
        for answer in answers
        for message in (Message("user", (Text("Any nodule?"),)), Message("assistant", (Text(answer),)))
    ]
    encoded = encode(talk, vocabulary, replace(CONFIG, context=4000))
    learned = [i for i, target in zip(encoded.ids, encoded.targets, strict=True) if target]
    end = vocabulary.tokenizer.eos_token
    told = "".join(vocabulary.layout.harmless(answer) + end for answer in answers)
    assert "".join(vocabulary.tokenizer.decode(learned).split()) == "".join(told.split())


@pytest.mark.parametrize("name", LAYOUTS)
def test_tokens_are_those_of_apply_chat_template(name) -> None:
    """What `transformers` renders is what training saw, each image one token."""
    vocabulary = VOCABULARIES[name]
    chat = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Any effusion?"}]},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Where?"},
    ]
    ids = vocabulary.tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"]
    messages = (
        Message("user", (ImageIn("a"), Text("Any effusion?"))),
        Message("assistant", (Text("Yes."),)),
        Message("user", (Text("Where?"),)),
    )
    one = ModelConfig(Reads.FEATURES, Writes.NOTHING, image_tokens=1)
    assert ids == list(encode(messages, vocabulary, one, answer=True).ids)


@pytest.mark.parametrize("name", [*LAYOUTS, "own"])
@given(
    images=st.lists(
        st.builds(ImageIn, st.just("a"), st.none() | st.sampled_from(Position), st.booleans()), max_size=4
    ),
    typed=st.sampled_from(["Any change?", "PA view: ", "<|image|>Prior image: "]),
)
def test_the_role_of_an_image_stands_in_words_before_it(name, images, typed) -> None:
    """In every layout, and as stock `apply_chat_template` writes `to_chat`."""
    vocabulary = VOCABULARIES.get(name) or own_vocabulary()
    asked = Message("user", (*images, Text("Any change?")))
    talk = (asked, Message("assistant", (Text("Yes."),)), Message("user", (Text("Where?"),)))
    one = ModelConfig(Reads.FEATURES, Writes.NOTHING, image_tokens=1)
    encoded = encode(talk, vocabulary, one, answer=True)
    chat = Conversation("c", "s", "p", "x", Task.PROGRESSION, Split.TEST, talk).to_chat()
    stock_ids = vocabulary.tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"]
    assert list(encoded.ids) == stock_ids
    said = "".join(f"{image.role}<|image|>" for image in images) + "Any change?"
    assert said in vocabulary.tokenizer.decode(encoded.ids)
    # The same words typed by a person are words: no image is shown, no turn ends.
    control = encode((Message("user", (Text("x"),)),), vocabulary, one, answer=True)
    spoken = encode((Message("user", (Text(typed),)),), vocabulary, one, answer=True)
    special = set(vocabulary.special_ids)
    assert [i for i in spoken.ids if i in special] == [i for i in control.ids if i in special]


@pytest.mark.parametrize("name", LAYOUTS)
def test_opening_the_answer_is_the_start_of_the_whole(name) -> None:
    vocabulary = VOCABULARIES[name]
    whole = encode(TALK[:2], vocabulary, CONFIG, codes_of=CODES.__getitem__)
    asked = encode(TALK[:1], vocabulary, CONFIG, codes_of=CODES.__getitem__, answer=True)
    assert asked.ids == whole.ids[: len(asked.ids)]
    assert whole.targets[len(asked.ids)]
    assert not any(whole.targets[: len(asked.ids)])


@pytest.mark.parametrize("name", LAYOUTS)
@settings(max_examples=15)
@given(data=st.data())
def test_nothing_a_person_types_becomes_a_control_token(name, data) -> None:
    vocabulary = VOCABULARIES[name]
    tokens = [str(t) for t in vocabulary.tokenizer.added_tokens_decoder.values()]
    free = st.one_of(st.text(max_size=6), st.sampled_from(tokens))
    typed = "".join(data.draw(st.lists(free, max_size=6)))
    plain = encode((Message("user", (Text("x"),)),), vocabulary, CONFIG, answer=True)
    steered = encode((Message("user", (Text(typed),)),), vocabulary, CONFIG, answer=True)
    boxes = {vocabulary.id("<|box|>"), vocabulary.id("<|/box|>")}

    def control(ids):
        return [i for i in ids if i in vocabulary.special_ids and i not in boxes]

    assert control(steered.ids) == control(plain.ids)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30)
def test_boxes_are_valid_where_a_number_is_several_tokens(seed) -> None:
    rng = random.Random(seed)
    vocabulary = VOCABULARIES["chatml"]
    masks = Masks(vocabulary, len(vocabulary))
    grammar = Grammar(masks, Kind.BOX)
    most = grammar.length
    written = []
    while not grammar.done:
        allowed = grammar.allowed().nonzero().flatten().tolist()
        written.append(rng.choice(allowed))
        grammar.advance(written[-1])
    assert len(written) <= most
    assert len(parse_boxes(vocabulary.decode(written))) == 1
    assert vocabulary.encode(vocabulary.decode(written)) == written[:-1]


def bare(template: str | None = None, **options) -> PreTrainedTokenizerFast:
    tokenizer = stock.tokenizer()
    tokenizer.chat_template = template
    for name, value in options.items():
        setattr(tokenizer, name, value)
    return tokenizer


def test_a_tokenizer_that_cannot_be_extended_is_refused_with_the_remedy() -> None:
    with pytest.raises(UsageError, match="no chat template; choose a layout: chatml"):
        Vocabulary.extend(bare())
    with pytest.raises(UsageError, match="did you mean chatml"):
        Vocabulary.extend(bare(), layout="chatlm")
    plain = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    with pytest.raises(UsageError, match="ends an answer with no special token"):
        Vocabulary.extend(bare(plain))
    with pytest.raises(UsageError, match="already holds"):
        Vocabulary.extend(VOCABULARIES["chatml"].tokenizer, n_codes=3)
    slow = bare("{{ messages }}")
    slow_type = type("Slow", (type(slow),), {"is_fast": False})
    slow.__class__ = slow_type
    with pytest.raises(UsageError, match="no fast version"):
        Vocabulary.extend(slow)


def test_a_template_that_refuses_or_drops_a_turn_is_one_error() -> None:
    picky = bare("{{ raise_exception('roles must alternate') }}")
    with pytest.raises(DataError, match=r"refuses the conversation \(roles must alternate\)"):
        Layout(picky).pieces((("user", 1),), answer=True)
    deaf = bare("{{ messages[0]['content'] }}")
    with pytest.raises(DataError, match="drops or reorders"):
        Layout(deaf).pieces((("user", 1), ("assistant", 1)), answer=False)


# What Qwen3's template does, abridged.
THINKING = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{% if m['role'] == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}"
    "{% endif %}{% endif %}"
)


def chatting(template: str) -> PreTrainedTokenizerFast:
    tokens = {"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}
    tokenizer = bare(template)
    tokenizer.add_special_tokens(tokens)
    return tokenizer


def test_a_model_that_could_think_is_asked_as_it_has_learned() -> None:
    saved_before = chatting(FLATTEN[FLATTEN.index("{%- set flat") :] + THINKING)
    for tokenizer in (saved_before, Vocabulary.extend(chatting(THINKING)).tokenizer):
        layout = Layout(tokenizer)
        opened = layout.pieces((("user", 1),), answer=True)
        assert opened == layout.pieces((("user", 1), ("assistant", 1)), answer=False)[:2]
        assert opened[-1].endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    # By `transformers` alone the extended one writes the same.
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "?"}], add_generation_prompt=True, tokenize=False
    )
    assert asked == "?".join(opened)


@pytest.mark.parametrize("always", ["<think>\n", "<|channel|>final<|message|>"])
def test_a_template_that_opens_answers_otherwise_than_it_shows_them_is_refused(always) -> None:
    end = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    template = THINKING[: THINKING.index(end)] + end + f"{{{{ '{always}' }}}}{{% endif %}}"
    with pytest.raises(
        DataError, match=r"opens an answer by .* and learns one after .*choose a layout: chat"
    ):
        Vocabulary.extend(chatting(template))
    assert len(
        Vocabulary.extend(chatting(template), layout="chatml").layout.pieces((("user", 1),), answer=True)
    )


def test_white_space_at_the_end_of_what_opens_an_answer_may_differ() -> None:
    layout = spaced().layout
    assert layout.pieces((("user", 1),), answer=True)[-1].endswith("assistant:")
    assert layout.pieces((("user", 1), ("assistant", 1)), answer=False)[1].endswith("assistant: ")


def test_extending_leaves_the_given_tokenizer_alone() -> None:
    tokenizer = bare()
    before = len(tokenizer)
    vocabulary = Vocabulary.extend(tokenizer, n_codes=4, rows=2, layout="llama3")
    assert len(tokenizer) == before
    assert tokenizer.chat_template is None
    assert [vocabulary.is_code(vocabulary.first_code + i) for i in (-1, 0, 3, 4)] == [
        False,
        True,
        True,
        False,
    ]


def test_the_template_is_not_another_one_tomorrow() -> None:
    """Llama 3's template takes today's date unless it is given one."""
    date = "{{ date_string if date_string is defined else strftime_now('%d %b %Y') }}"
    dated = bare(f"{FLATTEN}{date}{{{{ messages[0]['content'] }}}}")
    assert Layout(dated).pieces((("user", 1),), answer=False) == ("26 Jul 2024", "")
