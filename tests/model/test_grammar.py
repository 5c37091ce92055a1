"""Whatever the logits, an answer is well formed."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from hilum.errors import UsageError
from hilum.model.grammar import Grammar, Kind, Masks, TokenSet, restrict
from hilum.model.vocabulary import BOX, BOXED, DRAW, DRAWN, END, Vocabulary
from hilum.study import BoxPart, parse_boxes
from model.helpers import TEXTS, vocabulary

VOCABULARY = vocabulary()
MASKS = Masks(VOCABULARY, len(VOCABULARY))
FIRST = VOCABULARY.first_code


def write(grammar: Grammar, seed: int, limit: int = 120, loved: tuple[int, ...] = ()) -> list[int]:
    """Follow random logits, some tokens pushed up, as far as the grammar lets them."""
    generator = torch.Generator().manual_seed(seed)
    written: list[int] = []
    while not grammar.done and len(written) < limit:
        allowed = grammar.allowed()
        assert allowed.any()
        logits = 5 * torch.randn(len(allowed), generator=generator)
        logits[list(loved)] += 12
        written.append(int(logits.masked_fill(~allowed, -torch.inf).argmax()))
        grammar.advance(written[-1])
    return written


@given(st.integers(0, 2**31), st.integers(0, 40))
def test_an_image_answer_has_exactly_its_codes(seed, count) -> None:
    grammar = Grammar(MASKS, Kind.DRAW, count)
    length = grammar.length
    written = write(grammar, seed)
    assert grammar.done
    assert len(written) == length == count + 3
    assert written[0] == VOCABULARY.id(DRAW)
    assert written[-2:] == [VOCABULARY.id(DRAWN), VOCABULARY.id(END)]
    assert all(FIRST <= token < FIRST + 16 for token in written[1:-2])


@given(st.integers(0, 2**31))
def test_an_image_answer_is_laid_out_as_training_lays_it(seed) -> None:
    rowed = Vocabulary.learn(TEXTS, n_codes=9, rows=4, size=350)
    written = write(Grammar(Masks(rowed, len(rowed)), Kind.DRAW, 16), seed)
    codes = [token for token in written if token >= rowed.first_code]
    assert len(codes) == 16
    assert written == [rowed.id(DRAW), *rowed.in_rows(codes), rowed.id(DRAWN), rowed.id(END)]


@given(st.integers(0, 2**31))
def test_a_box_answer_is_one_valid_box(seed) -> None:
    grammar = Grammar(MASKS, Kind.BOX)
    length = grammar.length
    written = write(grammar, seed)
    assert grammar.done
    assert len(written) == length
    text = VOCABULARY.decode(written)
    [(x1, y1, x2, y2)] = parse_boxes(text)
    assert 0 <= x1 < x2 <= 1
    assert 0 <= y1 < y2 <= 1
    assert BoxPart((x1, y1, x2, y2)).text == text


@settings(max_examples=30)
@given(st.integers(0, 2**31))
def test_words_hold_no_codes_and_only_whole_boxes(seed) -> None:
    grammar = Grammar(MASKS, Kind.WORDS)
    assert grammar.length is None
    written = write(grammar, seed, loved=(VOCABULARY.id(BOX),))
    assert not any(FIRST <= token < FIRST + 16 for token in written)
    opened, closed = (written.count(VOCABULARY.id(token)) for token in (BOX, BOXED))
    assert opened > 0
    assert opened - closed == bool(grammar.pending)
    whole = VOCABULARY.decode(written).split(BOXED)[:-1]
    for part in whole:
        [(x1, y1, x2, y2)] = parse_boxes(part[part.rindex(BOX) :] + BOXED)
        assert x1 < x2
        assert y1 < y2


@given(st.tuples(*[st.floats(0, 1)] * 4))
@settings(max_examples=60)
def test_every_box_that_training_shows_can_be_written(corners) -> None:
    x1, y1, x2, y2 = corners
    text = BoxPart((min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))).text
    for kind in (Kind.BOX, Kind.WORDS):
        grammar = Grammar(MASKS, kind)
        for token in [*VOCABULARY.encode(text), VOCABULARY.id(END)]:
            assert grammar.allowed()[token]
            grammar.advance(token)
        assert grammar.done


def test_after_the_end_there_is_only_the_end() -> None:
    grammar = Grammar(MASKS, Kind.WORDS)
    grammar.advance(VOCABULARY.id(END))
    assert grammar.done
    assert grammar.allowed().nonzero().tolist() == [[VOCABULARY.id(END)]]


@pytest.mark.parametrize("kind", list(Kind))
def test_what_comes_after_the_end_changes_nothing(kind) -> None:
    grammar = Grammar(MASKS, kind, 4, ((5, 300), (6,)) if kind is Kind.OPTION else ())
    write(grammar, 0, loved=(VOCABULARY.id(END),))
    assert grammar.done
    for token in (5, VOCABULARY.id(BOX), VOCABULARY.id(END)):
        grammar.advance(token)
        assert grammar.done
        assert grammar.allowed().nonzero().tolist() == [[VOCABULARY.id(END)]]


def test_the_longest_option_is_the_length() -> None:
    options = ((5, 300, 7), (6,), (5,))
    grammar = Grammar(MASKS, Kind.OPTION, options=options)
    assert grammar.length == 4
    assert grammar.allowed().nonzero()[:, 0].tolist() == [5, 6]
    grammar.advance(5)
    assert grammar.allowed().nonzero()[:, 0].tolist() == sorted([300, VOCABULARY.id(END)])


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (r"[(),]|\d+", None),
        (r"[(),]|\d", None),
        (r"\(\d+|[(),]|\d+", "joins digits and punctuation into one token"),
        (r"\d+\)|[(),]|\d+", "joins digits and punctuation into one token"),
        (r"[(),]|\d+(?=,)|\d", "writes 10 differently within one box"),
        (r"\),\((?=7)|[(),]|\d+", "writes 7 differently within one box"),
    ],
)
def test_boxes_are_written_only_by_a_tokenizer_that_keeps_their_numbers_apart(split, said) -> None:
    numbers = [str(number) for number in range(101)]
    pieces = ["?", "(", ",", ")", "),(", *numbers, *(f"({n}" for n in numbers), *(f"{n})" for n in numbers)]
    bare = Tokenizer(models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token="?"))
    bare.pre_tokenizer = pre_tokenizers.Split(Regex(split), "isolated")
    bare.decoder = decoders.Fuse()
    known = Vocabulary.extend(PreTrainedTokenizerFast(tokenizer_object=bare), layout="llama3")
    masks = Masks(known, len(known))
    if said is not None:
        with pytest.raises(UsageError, match=f"tokenizer: {said}"):
            Grammar(masks, Kind.BOX)
        return
    text = BoxPart((0.05, 0.1, 0.95, 1.0)).text
    grammar = Grammar(masks, Kind.BOX)
    for token in [*known.encode(text), known.id(END)]:
        assert grammar.allowed()[token]
        grammar.advance(token)
    assert grammar.done


@given(st.sets(st.integers(0, 39), min_size=1), st.integers(40, 90))
def test_an_index_picks_what_is_listed(tokens, size) -> None:
    held = TokenSet(tokens, size)
    assert torch.arange(size)[held.index(torch.device("cpu"))].tolist() == held.ids.tolist()
    assert held.only == (next(iter(tokens)) if len(tokens) == 1 else None)


def test_a_token_set_is_sent_to_a_device_once() -> None:
    held, elsewhere = TokenSet([3, 5], 40), torch.device("meta")
    assert held.on(torch.device("cpu")) is held.ids
    assert held.on(elsewhere).device == elsewhere
    assert held.on(elsewhere) is held.on(elsewhere)


def test_words_allow_every_byte_and_no_control_token() -> None:
    allowed = Grammar(MASKS, Kind.WORDS).allowed()
    assert all(allowed[token] for token in VOCABULARY.encode("Größe: 3 µm → ok"))
    for name in (DRAW, DRAWN, BOXED, "<|user|>", "<|assistant|>", "<|system|>", "<|image|>", "<|pad|>"):
        assert not allowed[VOCABULARY.id(name)]


@given(st.sets(st.integers(0, 39)), st.integers(40, 60))
def test_a_token_set_holds_its_tokens_whichever_list_is_shorter(tokens, size) -> None:
    held = TokenSet(tokens, size)
    assert [token in held for token in range(size)] == [token in tokens for token in range(size)]
    assert held.mask.tolist() == [token in tokens for token in range(size)]
    assert len(held.ids) <= size / 2


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 8)), min_size=1, max_size=6), st.integers(0, 99)
)
def test_answers_of_all_kinds_are_restricted_together_as_each_alone(answers, seed) -> None:
    grammars = []
    for number, (kind, steps) in enumerate(answers):
        options = ((5, 300, 7), (5, 300), (6,))
        grammars.append(Grammar(MASKS, kind, 4, options if kind is Kind.OPTION else ()))
        write(grammars[-1], seed + number, limit=steps)
    logits = torch.randn(len(grammars), len(VOCABULARY), generator=torch.Generator().manual_seed(seed))
    allowed = torch.stack([grammar.allowed() for grammar in grammars])
    expected = logits.masked_fill(~allowed, -torch.inf)
    assert torch.equal(restrict(logits, [grammar.next_tokens() for grammar in grammars]), expected)


def test_boxes_that_cannot_be_are_not_read() -> None:
    assert parse_boxes("<|box|>(1,2),(3,4)<|/box|> and <|box|>(50,60),(70,100)<|/box|>") == (
        (0.01, 0.02, 0.03, 0.04),
        (0.5, 0.6, 0.7, 1.0),
    )
    for text in ("(5,5),(3,8)", "(5,5),(8,5)", "(1,1),(2,101)", "(1,1),(2)"):
        assert parse_boxes(f"<|box|>{text}<|/box|>") == ()
