"""An answer that must be one of given options is exactly one of them, on any tokenizer."""

from __future__ import annotations

import string
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from hilum.errors import UsageError
from hilum.model import Model, ModelConfig, Reads, Vocabulary, Writes, encode
from hilum.model.encode import encode_options
from hilum.model.grammar import Grammar, Kind, Masks
from hilum.model.layout import known_layouts
from hilum.model.network import read
from hilum.model.vocabulary import END
from hilum.study import Message, Text
from model import stock
from model.helpers import TEXTS, image_tokenizer, picture, prompt, tiny, vocabulary

CONFIG = ModelConfig(Reads.FEATURES, Writes.NOTHING, image_size=32, patch=16)
ALIKE = ("no", "no nodule", "no nodule or mass", "nodule", "yes", "no pleural effusion", "not seen")


def sentence_piece_like() -> Vocabulary:
    """A space before every first word, and a template that ends in the space an answer begins with."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    bpe.decoder = decoders.Metaspace(prepend_scheme="first")
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        initial_alphabet=[*string.printable, "é"],
        special_tokens=["</s>"],
        show_progress=False,
    )
    bpe.train_from_iterator(TEXTS * 8, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="</s>")
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}"
        "{% if m['role'] == 'assistant' %}{{ '</s>' }}{% else %}{{ '\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    return Vocabulary.extend(tokenizer, n_codes=4, rows=2)


VOCABULARIES = {
    "nano": vocabulary(),
    "sentencepiece": sentence_piece_like(),
    **{
        name: Vocabulary.extend(stock.tokenizer(), n_codes=6, rows=2, layout=name) for name in known_layouts()
    },
}
MASKS = {name: Masks(known, len(known)) for name, known in VOCABULARIES.items()}

WORDS = ("no", "nodule", "pleural", "effusion", "12", "mm", "é", "7")
phrases = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4)
texts = st.one_of(phrases.map(" ".join), st.text(min_size=1, max_size=6).map(str.strip).filter(bool))
several = st.lists(texts, min_size=1, max_size=7, unique=True)


def tokens_of(options, name: str):
    """Their token ids; None where the tokenizer cannot write each of them."""
    try:
        return encode_options(options, VOCABULARIES[name], CONFIG)
    except UsageError:
        assert name == "sentencepiece", "bytes write everything"
        assert not set(" ".join(options).split()) <= set(WORDS)
        return None


@pytest.mark.parametrize("name", VOCABULARIES)
@settings(max_examples=30)
@given(options=several, seed=st.integers(0, 2**31))
def test_every_walk_is_one_of_the_options_and_every_option_a_walk(name, options, seed) -> None:
    ids = tokens_of(options, name)
    if ids is None:
        return
    known, masks = VOCABULARIES[name], MASKS[name]
    closed = [(*option, known.id(END)) for option in ids]
    for option in closed:
        follow(Grammar(masks, Kind.OPTION, 0, ids), option, closed)
    rng = np.random.default_rng(seed)
    grammar, written = Grammar(masks, Kind.OPTION, 0, ids), []
    while not grammar.done:
        written.append(int(rng.choice(grammar.allowed().nonzero().flatten().numpy())))
        grammar.advance(written[-1])
    assert tuple(written) in closed
    assert known.decode(written) in options


def follow(grammar: Grammar, option: tuple[int, ...], closed: list[tuple[int, ...]]) -> None:
    """At each place exactly what any of the options goes on with is allowed."""
    assert grammar.length == max(map(len, closed))
    for place, token in enumerate(option):
        going = {other[place] for other in closed if other[:place] == option[:place] and place < len(other)}
        assert set(grammar.allowed().nonzero().flatten().tolist()) == going
        grammar.advance(token)
    assert grammar.done


# Dolly's layout has an empty line between an answer and its end, which training teaches as part of it.
@pytest.mark.parametrize("name", [name for name in VOCABULARIES if name != "dolly"])
def test_the_end_may_come_where_an_option_begins_another(name) -> None:
    ids = encode_options(ALIKE, VOCABULARIES[name], CONFIG)
    grammar = Grammar(MASKS[name], Kind.OPTION, 0, ids)
    end = VOCABULARIES[name].id(END)
    assert not grammar.allowed()[end]
    for token in ids[0]:
        grammar.advance(token)
    assert grammar.allowed()[end]
    assert grammar.allowed().sum() > 1


@pytest.mark.parametrize("name", [name for name in VOCABULARIES if name != "sentencepiece"])
@settings(max_examples=20)
@given(options=several)
def test_options_are_written_as_training_writes_answers(name, options) -> None:
    ids = tokens_of(options, name)
    if ids is None:
        return
    known = VOCABULARIES[name]
    for option, written in zip(options, ids, strict=True):
        talk = (Message("user", (Text("What is it?"),)), Message("assistant", (Text(option),)))
        row = encode(talk, known, CONFIG)
        learned = [i for i, target in zip(row.ids, row.targets, strict=True) if target]
        assert learned[: learned.index(known.id(END))] == list(written)


@cache
def model_of(name: str) -> Model:
    """Nano's model, or a stock language model that reads codes."""
    if name == "nano":
        return tiny()
    model = Model.of_parts(
        stock.language(name),
        stock.tokenizer(),
        image_tokenizer=image_tokenizer(),
        reads=Reads.CODES,
        writes=Writes.CODES,
        layout=stock.LAYOUTS[name],
    )
    with torch.no_grad():  # so that no token always wins
        for p in model.network.parameters():
            if p.ndim > 1:
                p.mul_(4)
    return model


MODELS = ["nano", *stock.LANGUAGES]


@torch.inference_mode()
def by_hand(model: Model, asked, options) -> str:
    """The likeliest next token of those options that are left, every token run anew."""
    ready = model.prepare_prompt(asked)
    ids = encode_options(options, model.vocabulary, model.config)
    left = {option: [*i, model.vocabulary.id(END)] for option, i in zip(options, ids, strict=True)}
    written: list[int] = []
    while len(left) > 1 or written != next(iter(left.values())):
        hidden = read(model.network, torch.tensor([[*ready.ids, *written]]), ready.features, use_cache=False)
        logits = model.network.lm_head(hidden.last_hidden_state[0, -1])
        written.append(max({i[len(written)] for i in left.values()}, key=lambda token: float(logits[token])))
        left = {o: i for o, i in left.items() if i[: len(written)] == written}
    return next(iter(left))


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=8)
@given(options=st.permutations(ALIKE), count=st.integers(1, len(ALIKE)), film=st.integers(0, 1000))
def test_greedy_takes_the_likeliest_way_through_the_options(name, options, count, film) -> None:
    model, options = model_of(name), tuple(options[:count])
    asked = prompt("Is there a nodule?", film, options=options)
    [[answer]] = model.answer([asked], max_new_tokens=1)
    assert answer.finished, "an option is never cut"
    assert answer.text == by_hand(model, asked, options)
    assert "".join(model.stream(asked)) == answer.text


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=8)
@given(
    options=st.lists(phrases.map(" ".join), min_size=1, max_size=5, unique=True),
    temperature=st.sampled_from([0.0, 0.7, 2.0]),
    top_p=st.sampled_from([0.6, 1.0]),
    seed=st.integers(0, 2**31),
)
def test_answers_are_options_beside_other_kinds_of_answers(name, options, temperature, top_p, seed) -> None:
    model = model_of(name)
    asked = [
        prompt("Is there a nodule?", 1, options=options),
        prompt("Is there a nodule?", 2),
        prompt("Where is it?", 3, locate=True),
        prompt("Or this?", 4, options=ALIKE),
    ]
    ready = [model.tokenize(p) for p in asked]
    assert [r.kind for r in ready] == [Kind.OPTION, Kind.WORDS, Kind.BOX, Kind.OPTION]
    sampling = {"n": 3, "temperature": temperature, "top_p": top_p, "seed": seed, "max_new_tokens": 8}
    chosen, _, boxes, others = model.answer(asked, **sampling)
    assert all(answer.text in options and answer.finished for answer in chosen)
    assert all(answer.text in ALIKE and answer.finished for answer in others)
    assert all(len(answer.boxes) == 1 for answer in boxes)


def test_one_batch_of_all_kinds_gives_what_each_gives_alone() -> None:
    from hilum.model.engine import Sampling, generate

    model = model_of("nano")
    asked = [
        prompt("Is there a nodule?", 1, options=ALIKE),
        prompt("What is there?", 2),
        prompt("Where is it?", 3, locate=True),
        prompt("Draw it.", draw=True),
        prompt("Which one is it, and why?", 4, options=("left", "left lung", "right")),
    ]
    ready = [model.prepare_prompt(p) for p in asked]
    for sampling in (Sampling(n=2, max_new_tokens=9), Sampling(n=3, temperature=1.0, max_new_tokens=9)):
        together = generate(model.network, ready, model.masks, sampling)
        assert together == [generate(model.network, [r], model.masks, sampling)[0] for r in ready]


def test_all_options_are_drawn_when_sampling_is_hot() -> None:
    [answers] = model_of("nano").answer(
        [prompt("Is it?", 1, options=("yes", "no"))], n=64, temperature=50.0, seed=1
    )
    assert {answer.text for answer in answers} == {"yes", "no"}


def test_a_question_with_options_is_answered_by_one() -> None:
    model = model_of("nano")
    answer = model.ask([picture(1)], "Is there a nodule?", options=["yes", "no"])
    assert answer.text in ("yes", "no")
    assert answer.caveats is not None
    assert model.ask(picture(1), "Is there a nodule?", options=["yes"]).text == "yes"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "options: are none; give at least one"),
        ("yes", "options: are one text; give a list"),
        (("yes", ""), "option: is empty"),
        (("yes", " \n"), "option: is empty"),
        (("yes", 3), "option: is a int"),
        (("yes", "no", "yes"), "options: hold 'yes' twice; give each once"),
        (("yes", "no", "no"), "options: hold 'no' twice; give each once"),
        (("yes", "no<|end|>"), r"option 'no<\|end\|>': holds the control token <\|end\|>; leave it out"),
        (("<|box|>(1,2),(3,4)<|/box|>",), "holds the control token"),
        (("<|code_3|>",), "holds the control token"),
        (("yes ", "no"), "option 'yes ': would be written 'yes'; give it like that"),
    ],
)
def test_options_that_cannot_be_are_refused_with_the_remedy(options, said) -> None:
    with pytest.raises(UsageError, match=said):
        model_of("nano").ask([picture(1)], "Is there a nodule?", options=options)


@pytest.mark.parametrize("kind", [{"locate": True}, {"draw": True}])
def test_options_are_for_words_alone(kind) -> None:
    with pytest.raises(UsageError, match="several kinds; draw, locate, or give options"):
        prompt("Where?", 1, options=("yes",), **kind)


@pytest.mark.parametrize("name", known_layouts())
def test_no_word_of_the_layout_is_an_option(name) -> None:
    known = VOCABULARIES[name]
    for token in known.layout.control.findall("".join(known_layouts()[name]["tokens"])):
        with pytest.raises(UsageError, match="holds the control token"):
            encode_options((f"yes {token}",), known, CONFIG)
