"""A queue of unlike requests answered together, against the same requests one at a time.

    python benchmarks/engine.py --json

Random weights of nano's size. A third of the requests ask for words of 16 to 120 tokens about an image, a
third for a box, a third for a drawing of 16, 36 or 64 codes, half of those with classifier-free guidance;
each has its own n, temperature, nucleus and seed. Ours puts all of them into one `Engine` at once; the peer
is the same engine given one request at a time (which still runs a prompt once for its n answers). The images'
features are made beforehand for both. Figures are new tokens a second, the best of `--repeats` alternating
runs. `words_alone` is what `transformers`' own `generate` makes of the requests for words, one at a time,
beside ours one at a time and together: it knows neither boxes nor drawings. That a request gets the same
tokens together and alone is checked first, in double precision: where two sums of probabilities differ in
their last bits, a draw may fall on the token beside.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from generate import WORDS, nano_model, questions
from hilum.model import Model
from hilum.model.asking import draw_prompt, locate_prompt
from hilum.model.engine import Engine, Request, Sampling
from hilum.model.grammar import Kind
from hilum.model.network import pixel_values
from hilum.study import Position
from result import Result, print_result

Answers = list[list[tuple[int, ...]]]
"""Token ids of every answer to every request."""


def mixed_requests(model: Model, count: int) -> tuple[list[Request], torch.Tensor]:
    """Requests of three kinds in random order, and the pixels of the images of those for words."""
    rng = np.random.default_rng(2)
    asked = questions((count + 2) // 3)
    pixels = torch.stack([model.prepare(prompt.images[0]) for prompt in asked])
    asked += [locate_prompt(prompt.images[0], " ".join(rng.choice(WORDS, 3))) for prompt in asked]
    asked += [draw_prompt(" ".join(rng.choice(WORDS, 5 + i % 9)), Position.PA) for i in range(count)]
    asked = asked[:count]
    ready = model._with_features([model.tokenize(prompt) for prompt in asked], asked)
    made = []
    for number, prompt in enumerate(ready):
        sampling = Sampling(
            n=int(rng.integers(1, 4)),
            temperature=float(rng.choice([0.0, 0.7, 1.0])),
            top_p=float(rng.choice([0.9, 1.0])),
            max_new_tokens=int(rng.integers(16, 121)),
            seed=number,
            guidance=float(rng.choice([1.0, 4.0])),
        )
        codes = int(rng.choice([16, 36, 64]))
        made.append(Request(replace(prompt, number=number, codes_per_image=codes), sampling))
    return [made[i] for i in rng.permutation(count)], pixels


def together(model: Model, requests: Sequence[Request], rows: int) -> Answers:
    """All at once; what finds no place waits."""
    engine = Engine(model.network, model.masks, max_rows=rows)
    numbers = [engine.add(request) for request in requests]
    found = {(e.request, e.answer): e.written.ids for e in engine.run() if e.written is not None}
    return [
        [found[number, answer] for answer in range(request.sampling.n)]
        for number, request in zip(numbers, requests, strict=True)
    ]


def one_at_a_time(model: Model, requests: Sequence[Request], rows: int) -> Answers:
    """Each in an engine of its own."""
    return [answers for request in requests for answers in together(model, [request], rows)]


class Transformers:
    """`transformers.generate`, one request for words at a time."""

    def __init__(self, model: Model, pixels: torch.Tensor) -> None:
        self.model, self.pixels = model, pixels
        self.unwanted = (~model.masks.words.mask).nonzero().squeeze(1).tolist()

    @torch.inference_mode()
    def __call__(self, model: Model, requests: Sequence[Request], rows: int) -> Answers:
        """Its encoder runs too, a few milliseconds for each request."""
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> list[tuple[int, ...]]:
        sampling, ids = request.sampling, torch.tensor([request.prompt.ids])
        torch.manual_seed(sampling.seed)
        drawn = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
        copies = 1 if sampling.temperature else sampling.n  # it refuses several greedy answers
        out = self.model.network.generate(
            input_ids=ids.repeat(copies, 1),
            attention_mask=torch.ones_like(ids).repeat(copies, 1),
            pixel_values=pixel_values(self.pixels[:1]).repeat(copies, 1, 1, 1),
            num_return_sequences=sampling.n if sampling.temperature else 1,
            min_new_tokens=sampling.max_new_tokens,
            max_new_tokens=sampling.max_new_tokens,
            suppress_tokens=self.unwanted,
            **(drawn if sampling.temperature else {"do_sample": False}),
        )
        return [tuple(row) for row in out[:, ids.shape[1] :].tolist()]


def check(model: Model, requests: Sequence[Request], rows: int) -> None:
    """That requests get the same tokens together and alone."""
    model.network.double()
    prompts = [request.prompt for request in requests]
    seen = [None if p.features is None else p.features.double() for p in prompts]
    precise = [
        replace(request, prompt=replace(request.prompt, features=features))
        for request, features in zip(requests, seen, strict=True)
    ]
    if together(model, precise, rows) != one_at_a_time(model, precise, rows):
        raise SystemExit("together and one at a time, the requests get different tokens")
    model.network.float()


Way = Callable[[Model, Sequence[Request], int], Answers]


def rates(
    ways: dict[str, Way], model: Model, requests: Sequence[Request], rows: int, repeats: int
) -> dict[str, float]:
    """New tokens a second of each way, the best of alternating runs."""
    best = dict.fromkeys(ways, 0.0)
    for _ in range(repeats):
        for name, way in ways.items():
            started = time.perf_counter()
            answers = way(model, requests, rows)
            seconds = time.perf_counter() - started
            best[name] = max(best[name], sum(len(ids) for row in answers for ids in row) / seconds)
    return best


def main() -> None:
    """Check, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    model = nano_model()
    requests, pixels = mixed_requests(model, options.requests)
    check(model, requests[:12], options.rows)
    ways: dict[str, Way] = {"ours": together, "peer": one_at_a_time}
    mixed = rates(ways, model, requests, options.rows, options.repeats)
    words = [request for request in requests if request.prompt.kind is Kind.WORDS]
    ways = {"together": together, "one_at_a_time": one_at_a_time, "transformers": Transformers(model, pixels)}
    alone = rates(ways, model, words, options.rows, 1)
    details = {
        "peer_is": "the same engine, one request at a time",
        "tokens_equal": True,
        "requests": len(requests),
        "answers": sum(request.sampling.n for request in requests),
        "max_rows": options.rows,
        "words_alone": {name: round(rate, 1) for name, rate in alone.items()},
    }
    print_result(
        Result("engine", round(mixed["ours"], 1), round(mixed["peer"], 1), "tokens/s", details),
        as_json=options.json,
    )


if __name__ == "__main__":
    main()
