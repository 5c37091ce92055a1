"""Requests that join, leave and are cancelled at any step get what each gets alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    Qwen2Config,
)

from hilum.errors import UsageError
from hilum.model import engine as module
from hilum.model.engine import Engine, Event, Request, Sampling, TokenPrompt, Written, generate
from hilum.model.grammar import Grammar, Kind, Masks
from hilum.model.vocabulary import END
from model.helpers import prompt, tiny, vocabulary

MODEL = tiny()


@cache
def terse() -> Masks:
    """Few words to choose from, so that answers end early, each at its own time."""
    masks = Masks(vocabulary(), len(vocabulary()))
    text = vocabulary().text_ids
    masks.words = masks.only(*text[40:52], *text[-4:], vocabulary().id(END))
    return masks


@cache
def prompts() -> tuple[TokenPrompt, ...]:
    asked = [
        prompt("Is there a pneumothorax?", 1),
        prompt("No."),
        prompt("Small left pleural effusion. Mild cardiomegaly, unchanged from 2019. And?", 2, 3),
        prompt("Where is the nodule?", 4, locate=True),
        prompt("Draw a normal heart.", draw=True),
        prompt("Mild cardiomegaly, unchanged from 2019. Draw it.", draw=True),
    ]
    ready = [replace(MODEL.tokenize(p), number=i) for i, p in enumerate(asked)]
    return tuple(MODEL._with_features(ready, asked))


samplings = st.builds(
    Sampling,
    n=st.integers(1, 3),
    temperature=st.sampled_from([0.0, 0.7, 1.3]),
    top_p=st.sampled_from([0.8, 1.0]),
    max_new_tokens=st.integers(1, 24),
    seed=st.integers(0, 5),
    guidance=st.sampled_from([1.0, 3.0]),
)
requests = st.builds(Request, st.sampled_from(range(6)).map(lambda i: prompts()[i]), samplings)
arrivals = st.lists(st.tuples(st.integers(0, 20), requests), min_size=1, max_size=8)


def played(
    engine: Engine, arriving: list[tuple[int, Request]], cancelled: dict[int, int] | None = None
) -> tuple[list[Event], dict[int, int]]:
    """The events of requests that arrive before given steps; `cancelled`: place in the list → step."""
    waiting = sorted(range(len(arriving)), key=lambda i: arriving[i][0])
    numbers: dict[int, int] = {}
    events: list[Event] = []
    time = 0
    while waiting or engine.busy:
        while waiting and arriving[waiting[0]][0] <= time:
            place = waiting.pop(0)
            numbers[engine.add(arriving[place][1])] = place
        for number, place in numbers.items():
            if cancelled and cancelled.get(place) == time:
                engine.cancel(number)
        events += engine.step()
        time += 1
    return events, numbers


def collected(events: list[Event]) -> dict[tuple[int, int], Written]:
    """The finished answers, after a check that their tokens came one by one."""
    tokens: dict[tuple[int, int], list[int]] = {}
    ended = {}
    for event in events:
        key = event.request, event.answer
        assert key not in ended
        tokens.setdefault(key, []).append(event.token)
        if event.written is not None:
            ended[key] = event.written
            assert list(event.written.ids) == tokens[key]
    return ended


@settings(max_examples=50, deadline=None)
@given(arrivals, st.sampled_from([6, 9, 64]), st.sampled_from([None, 900, 4000]))
def test_requests_that_join_midway_get_what_they_get_alone(arriving, max_rows, max_tokens) -> None:
    engine = Engine(MODEL.network, terse(), max_rows=max_rows, max_tokens=max_tokens)
    events, numbers = played(engine, arriving)
    ended = collected(events)
    for number, place in numbers.items():
        request = arriving[place][1]
        [alone] = generate(MODEL.network, [request.prompt], terse(), request.sampling)
        assert [ended[number, answer] for answer in range(request.sampling.n)] == alone


@settings(max_examples=20, deadline=None)
@given(arrivals, st.dictionaries(st.integers(0, 7), st.integers(0, 25), max_size=4))
def test_cancelling_some_changes_nothing_for_the_others(arriving, cancelled) -> None:
    whole, numbers = played(Engine(MODEL.network, terse(), max_rows=9), arriving)
    some, _ = played(Engine(MODEL.network, terse(), max_rows=9), arriving, cancelled)
    whole_of, some_of = collected(whole), collected(some)
    assert some_of.items() <= whole_of.items()
    assert {number for number, _ in whole_of.keys() - some_of.keys()} <= {
        number for number, place in numbers.items() if place in cancelled
    }


def test_a_cancelled_request_says_nothing_more() -> None:
    engine = Engine(MODEL.network, terse(), max_rows=2)
    long = Sampling(max_new_tokens=24)
    first, second, third = (engine.add(Request(prompts()[i], long)) for i in (4, 5, 3))
    assert {event.request for event in engine.step()} == {first, second}
    assert engine.cancel(first)
    assert not engine.cancel(first)
    assert {event.request for event in engine.step()} == {second, third}
    assert engine.cancel(second)
    assert engine.cancel(third)
    assert not engine.busy
    assert engine.step() == []


def test_one_step_gives_each_answer_one_token_and_lets_newcomers_in_at_once() -> None:
    engine = Engine(MODEL.network, terse())
    first = engine.add(Request(prompts()[4], Sampling(n=2, guidance=4.0)))
    assert sorted((e.request, e.answer) for e in engine.step()) == [(first, 0), (first, 1)]
    second = engine.add(Request(prompts()[3]))
    assert sorted((e.request, e.answer) for e in engine.step()) == [(first, 0), (first, 1), (second, 0)]


@pytest.mark.parametrize("n", [1, 4])
def test_images_and_prompt_are_run_once_for_all_answers(n, monkeypatch) -> None:
    seen = []
    real = module.read

    def counted(network: Any, ids: torch.Tensor, features: Any, **options: Any) -> Any:
        seen.append(tuple(ids.shape))
        return real(network, ids, features, **options)

    monkeypatch.setattr(module, "read", counted)
    sampling = Sampling(n=n, temperature=1.0, guidance=3.0)
    generate(MODEL.network, [prompts()[4]], terse(), sampling)
    assert seen[0] == (2, max(len(prompts()[4].ids), len(prompts()[4].negative))), "a prompt and its negative"
    assert set(seen[1:]) == {(2 * n, 1)}


@pytest.mark.parametrize(("max_rows", "max_tokens"), [(6, None), (None, 900), (7, 2000)])
def test_the_limits_hold_and_nobody_is_overtaken(max_rows, max_tokens) -> None:
    engine = Engine(MODEL.network, terse(), max_rows=max_rows, max_tokens=max_tokens)
    for i in range(12):
        engine.add(Request(prompts()[i % 6], Sampling(n=1 + i % 3, guidance=2.0, temperature=1.0, seed=i)))
    began: list[int] = []
    widest = 0
    while engine.busy:
        began += sorted({event.request for event in engine.step()} - set(began))
        rows, width = len(engine._rows), engine._cache.width
        assert rows <= (max_rows or rows)
        assert rows * width <= (max_tokens or rows * width)
        widest = max(widest, rows)
    assert began == sorted(began)
    assert widest > 3, "rows should share the batch"


def test_what_could_never_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="takes 3 rows"):
        Engine(MODEL.network, terse(), max_rows=2).add(Request(prompts()[0], Sampling(n=3)))
    with pytest.raises(UsageError, match="max_tokens"):
        Engine(MODEL.network, terse(), max_tokens=50).add(Request(prompts()[0]))


def test_padding_is_trimmed_when_the_longest_has_left() -> None:
    engine = Engine(MODEL.network, terse())
    short, long = prompts()[4], prompts()[2]
    engine.add(Request(long, Sampling(max_new_tokens=2)))
    engine.add(Request(short))
    engine.step()
    assert engine._cache.width == len(long.ids)
    engine.step()
    assert engine._cache.width == len(short.ids) + 1


SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 512}
TEXTS = ("No.", "Is there a nodule in the right upper lobe?", "PA")
NEOX = GPTNeoXConfig(**SIZES, intermediate_size=64, max_position_embeddings=256)
LLAMA = LlamaConfig(**SIZES, intermediate_size=64, num_key_value_heads=2)
MISTRAL = MistralConfig(**SIZES, intermediate_size=64, num_key_value_heads=2, sliding_window=9)
QWEN2 = Qwen2Config(**SIZES, intermediate_size=64, num_key_value_heads=2)
GPT2 = GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=512, n_positions=256)


def stock(config: PreTrainedConfig) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for p in network.parameters():
            if p.ndim > 1:
                p.mul_(8)
    return network


@torch.inference_mode()
def anew(network: Any, asked: TokenPrompt, sampling: Sampling) -> list[int]:
    """Greedy, without a cache, a batch or padding."""
    grammar, ids = Grammar(terse(), asked.kind, asked.codes_per_image), list(asked.ids)
    limit = len(ids) + (grammar.length or sampling.max_new_tokens)
    while len(ids) < limit and not grammar.done:
        logits = network(torch.tensor([ids])).logits[0, -1, : terse().size]
        ids.append(int(logits.masked_fill(~grammar.allowed(), -torch.inf).argmax()))
        grammar.advance(ids[-1])
    return ids[len(asked.ids) :]


@pytest.mark.parametrize("config", [NEOX, LLAMA, MISTRAL, QWEN2, GPT2], ids=lambda c: c.model_type)
def test_any_decoder_with_a_cache_runs_in_it(config) -> None:
    network = stock(config)
    text = [vocabulary().encode(words) for words in TEXTS]
    kinds = [Kind.WORDS, Kind.BOX, Kind.WORDS, Kind.DRAW, Kind.WORDS]
    asked = [TokenPrompt(tuple(text[i % 3]), None, kind, 4, i) for i, kind in enumerate(kinds)]
    sampling = Sampling(max_new_tokens=20)
    engine = Engine(network, terse(), max_rows=4)
    events, numbers = played(engine, [(3 * i, Request(p, sampling)) for i, p in enumerate(asked)])
    ended = collected(events)
    written = [list(ended[number, 0].ids) for number in numbers]
    assert written == [anew(network, p, sampling) for p in asked]
    assert len(set(map(tuple, written))) > 3
