"""Generation equals running the network anew for every token, whatever is batched, padded or has ended."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import UsageError
from hilum.model import Model, Reads, Writes
from hilum.model import engine as module
from hilum.model.engine import Sampling, TokenPrompt, close_ranks, generate
from hilum.model.grammar import Grammar, Kind, Masks
from hilum.model.model import parse_boxes
from hilum.model.network import read
from hilum.model.vocabulary import END
from model.helpers import prompt, tiny

SWITCHES = [
    (Reads.CODES, Writes.CODES),
    (Reads.FEATURES, Writes.NOTHING),
    (Reads.FEATURES, Writes.CODES),
    (Reads.BOTH, Writes.CODES),
]
WARM = Sampling(n=3, temperature=0.8, top_p=0.9, max_new_tokens=24, seed=5)


@cache
def model_of(reads: Reads = Reads.FEATURES, writes: Writes = Writes.CODES) -> Model:
    return tiny(reads, writes)


@cache
def terse() -> Masks:
    """Few words to choose from, so that answers end early, each at its own time."""
    masks = Masks(model_of().vocabulary, model_of().masks.size)
    text = masks.vocabulary.text_ids
    masks.words = masks.only(*text[40:52], *text[-4:], masks.vocabulary.id(END))
    return masks


def token_prompts(model: Model) -> list[TokenPrompt]:
    """Prompts of unlike lengths, with no, one and two images, for each kind of answer."""
    asked = [
        prompt("Is there a pneumothorax?", 1),
        prompt("No."),
        prompt("Small left pleural effusion. Mild cardiomegaly, unchanged from 2019. And?", 2, 3),
        prompt("Where is the nodule?", 4, locate=True),
    ]
    if model.config.writes is Writes.CODES:
        asked.append(prompt("Draw a normal heart.", draw=True))
    ready = [replace(model.tokenize(p), number=i) for i, p in enumerate(asked)]
    return model._with_features(ready, asked)


@torch.inference_mode()
def by_hand(
    model: Model, asked: TokenPrompt, sampling: Sampling, answer: int = 0, masks: Masks | None = None
) -> tuple[int, ...]:
    """No cache, no batch, no padding; the nucleus and the draw in plain numpy."""
    grammar = Grammar(masks or terse(), asked.kind, asked.codes_per_image)
    length = grammar.length or sampling.max_new_tokens
    chance = np.random.default_rng((sampling.seed, asked.number, answer)).random(length)
    written: list[int] = []
    while len(written) < length and not grammar.done:
        logits = next_logits(model, asked.ids, written, asked.features)
        if asked.negative and sampling.guidance != 1:
            without = next_logits(model, asked.negative, written, None)
            logits = without + sampling.guidance * (logits - without)
        logits = np.where(grammar.allowed().numpy(), logits, -np.inf)
        if sampling.temperature == 0:
            token = int(logits.argmax())
        else:
            weights = np.exp((logits - logits.max()) / sampling.temperature)
            token = drawn(weights / weights.sum(), sampling.top_p, chance[len(written)])
        written.append(token)
        grammar.advance(token)
    return tuple(written)


def next_logits(model: Model, ids, written, features) -> np.ndarray:
    """Of the token that follows, every token run anew."""
    hidden = read(model.network, torch.tensor([[*ids, *written]]), features, use_cache=False)
    return model.network.lm_head(hidden.last_hidden_state[0, -1]).double().numpy()


def drawn(probabilities: np.ndarray, top_p: float, chance: float) -> int:
    """The token a number in [0, 1) falls on, of the smallest likeliest set whose mass reaches top_p."""
    order = np.arange(len(probabilities))
    if top_p < 1:
        order = np.argsort(-probabilities, kind="stable")
        order = order[: 1 + int((probabilities[order].cumsum() < top_p).sum())]
    heap = probabilities[order].cumsum()
    return int(order[(heap <= chance * heap[-1]).sum()])


@pytest.mark.parametrize(("reads", "writes"), SWITCHES)
def test_greedy_equals_running_anew_for_every_token(reads, writes) -> None:
    model = model_of(reads, writes)
    asked = token_prompts(model)
    sampling = Sampling(max_new_tokens=24)
    batch = generate(model.network, asked, terse(), sampling)
    assert [row[0].ids for row in batch] == [by_hand(model, p, sampling) for p in asked]
    assert len({len(p.ids) for p in asked}) == len(asked), "the prompts should need padding"


@pytest.mark.parametrize(("reads", "writes"), SWITCHES)
def test_n_best_from_one_prefill_are_n_separate_draws(reads, writes) -> None:
    model = model_of(reads, writes)
    asked = token_prompts(model)
    batch = generate(model.network, asked, terse(), WARM)
    for p, row in zip(asked, batch, strict=True):
        assert [w.ids for w in row] == [by_hand(model, p, WARM, answer) for answer in range(3)]
    words = [w.ids for p, row in zip(asked, batch, strict=True) for w in row if p.kind is Kind.WORDS]
    assert len(set(words)) > len(words) // 2, "draws that do not vary prove nothing"
    assert len({len(ids) for ids in words}) > 2, "rows should leave the batch at different times"


@pytest.mark.parametrize("sampling", [Sampling(max_new_tokens=20), WARM])
def test_a_batch_equals_one_by_one(sampling) -> None:
    model = model_of()
    asked = token_prompts(model)
    whole = generate(model.network, asked, terse(), sampling)
    assert whole == [generate(model.network, [p], terse(), sampling)[0] for p in asked]
    assert whole == generate(model.network, asked[::-1], terse(), sampling)[::-1]


@pytest.mark.parametrize("guidance", [0.0, 0.5, 4.0])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_guidance_leads_each_answer_away_from_its_negative_prompt(guidance, temperature) -> None:
    model = model_of()
    asked = [prompt("Small left pleural effusion.", draw=True), prompt("Is there a nodule?", 1)]
    asked += [prompt("Mild cardiomegaly, unchanged from 2019. Draw it.", draw=True)]
    ready = [replace(model.tokenize(p), number=i) for i, p in enumerate(asked)]
    ready = model._with_features(ready, asked)
    assert [bool(p.negative) for p in ready] == [True, False, True]
    sampling = Sampling(n=3, temperature=temperature, max_new_tokens=24, seed=5, guidance=guidance)
    batch = generate(model.network, ready, terse(), sampling)
    for p, row in zip(ready, batch, strict=True):
        assert [w.ids for w in row] == [by_hand(model, p, sampling, answer) for answer in range(3)]
    plain = generate(model.network, ready, terse(), replace(sampling, guidance=1.0))
    assert batch[1] == plain[1], "words are not guided"
    assert batch[0] != plain[0] or batch[2] != plain[2]


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(2, 0.8, seed=3, guidance=3.0)])
def test_what_the_grammar_forces_costs_no_pass(sampling, monkeypatch) -> None:
    """Row tokens are run with the code before them, the end of a picture is not run at all."""
    model = tiny(rows=2)
    asked = [prompt("Small left pleural effusion.", draw=True), prompt("No. Draw it.", draw=True)]
    ready = [replace(model.tokenize(p), number=i) for i, p in enumerate(asked)]
    shapes = []

    def counted(network, ids, features, **options):
        shapes.append(tuple(ids.shape))
        return read(network, ids, features, **options)

    monkeypatch.setattr(module, "read", counted)
    batch = generate(model.network, ready, model.masks, sampling)
    rows = 2 * sampling.n * (1 if sampling.guidance == 1 else 2)
    assert shapes[1:] == [(rows, count) for count in (2, 1, 2, 1)]
    for p, row in zip(ready, batch, strict=True):
        assert [w.ids for w in row] == [
            by_hand(model, p, sampling, answer, model.masks) for answer in range(sampling.n)
        ]
        assert [len(w.ids) for w in row] == [1 + 2 + 4 + 2] * sampling.n


def test_each_prompt_of_a_batch_gets_what_its_own_images_show() -> None:
    model = model_of()
    asked = [prompt("One?", 1), prompt("None."), prompt("Two?", 2, 3), prompt("Another?", 4)]
    ready = [model.tokenize(p) for p in asked]
    together = model._with_features(ready, asked)
    for bare, p, t in zip(ready, asked, together, strict=True):
        assert t.ids == bare.ids
        if not p.images:
            assert t.features is None
            continue
        alone = model.features(torch.stack([model.prepare(image) for image in p.images]))
        torch.testing.assert_close(t.features, alone, rtol=1e-4, atol=1e-5 * float(alone.max()))


def test_fewer_answers_or_tokens_are_the_first_of_more() -> None:
    model = model_of()
    asked = token_prompts(model)
    many = generate(model.network, asked, terse(), replace(WARM, n=5))
    few = generate(model.network, asked, terse(), replace(WARM, n=2))
    assert few == [row[:2] for row in many]
    short = generate(model.network, asked[:1], terse(), replace(WARM, max_new_tokens=4))
    assert [w.ids for w in short[0]] == [w.ids[:4] for w in many[0][:3]]


def test_the_seed_and_the_prompt_s_number_decide_the_draw() -> None:
    model = model_of()
    [asked, *_] = token_prompts(model)

    def ids(seed: int, number: int) -> list[tuple[int, ...]]:
        row = generate(model.network, [replace(asked, number=number)], terse(), replace(WARM, seed=seed))[0]
        return [w.ids for w in row]

    assert ids(1, 0) == ids(1, 0)
    assert len({tuple(ids(seed, number)) for seed in (1, 2) for number in (0, 1)}) == 4
    assert len(set(ids(1, 0))) == 3


def test_a_limit_cuts_words_and_says_so() -> None:
    model = model_of()
    asked = token_prompts(model)
    end = model.vocabulary.id(END)
    seen = set()
    for limit in (1, 3, 40):
        for row in generate(model.network, asked, terse(), replace(WARM, max_new_tokens=limit)):
            for written in row:
                words = written.ids[0] in terse().words
                assert written.finished == (written.ids[-1] == end)
                assert end not in written.ids[:-1]
                assert len(written.ids) <= limit or not words
                assert written.finished or len(written.ids) == limit
                seen.add(written.finished)
    assert seen == {True, False}


def test_an_image_and_a_box_are_whole_whatever_the_limit() -> None:
    model = model_of()
    *_, box, drawing = token_prompts(model)
    [[placed], [picture]] = generate(model.network, [box, drawing], terse(), Sampling(max_new_tokens=1))
    assert placed.finished
    assert picture.finished
    assert len(picture.ids) == 4 + 3


@settings(max_examples=25)
@given(
    weights=st.integers(0, 2**31),
    temperature=st.sampled_from([0.0, 0.3, 1.0, 3.0, 30.0]),
    top_p=st.floats(0.05, 1),
    switches=st.sampled_from([s for s in SWITCHES if s[1] is Writes.CODES]),
)
def test_random_weights_draw_whole_images_and_valid_boxes(weights, temperature, top_p, switches) -> None:
    model = tiny(*switches, seed=weights)
    asked = [prompt("Draw.", draw=True), prompt("Where?", 1, locate=True), prompt("What?", 1)]
    drawings, places, words = model.answer(
        asked, n=4, temperature=temperature, top_p=top_p, max_new_tokens=30, seed=weights
    )
    for answer in drawings:
        assert answer.finished
        assert len(answer.codes) == 4
        assert all(0 <= code < 16 for code in answer.codes)
        assert answer.image.shape == (32, 32)
        assert 0 <= answer.image.min() <= answer.image.max() <= 1
    for answer in places:
        assert answer.finished
        [(x1, y1, x2, y2)] = answer.boxes
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1
    for answer in words:
        assert answer.image is None
        assert not answer.codes
        assert answer.boxes == parse_boxes(answer.text)


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_closing_ranks_keeps_the_living_and_moves_few(alive) -> None:
    order = close_ranks(alive)
    assert sorted(order) == [i for i, lives in enumerate(alive) if lives]
    assert sum(i != place for place, i in enumerate(order)) <= alive.count(False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n": 0}, "at least one"),
        ({"temperature": -0.1}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_sampling_is_refused(options, said) -> None:
    with pytest.raises(UsageError, match=said):
        Sampling(**options)
