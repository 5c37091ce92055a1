"""Drawing 64 pictures of 256 codes: ours, against `transformers`' own `generate` and a mask of the codes.

    python benchmarks/draw.py --json

Random weights of nano's width and depth that write pictures of 16 × 16 codes, of 1,000 different ones, each
row opened by its row token: 275 tokens a picture. 64 texts of varying length, a picture of each, in one batch
at temperature 0.5, float32, one thread. The peer is given a `LogitsProcessor` that allows at each step what
Hilum's grammar allows, computed beforehand. That both write the same tokens when greedy is checked first.

`guided` is the same with classifier-free guidance, as `hilum draw` samples: every token is run twice on
either side, by the peer for its `guidance_scale`. `static` is the peer with `cache_implementation="static"`
instead of its default. Figures are pictures a second of processor time, as the machine may be shared, the
best of `--repeats` alternating runs; `ratios_…` are those of each turn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor

from generate import WORDS
from hilum.model import Model, ModelConfig, Vocabulary
from hilum.model.asking import draw_prompt
from hilum.model.engine import Sampling, TokenPrompt, generate
from hilum.model.grammar import Grammar
from hilum.model.model import GUIDANCE
from hilum.model.vocabulary import PAD
from hilum.study import Position
from hilum.tokenizer import ImageTokenizer, TokenizerConfig
from result import Result, print_result

Pictures = list[list[int]]
"""Token ids of each."""


def drawing_model(grid: int) -> Model:
    """Nano's width and depth, random weights, a vocabulary of about 2,200 tokens."""
    rng = np.random.default_rng(0)
    made_up = ["".join(rng.choice(list("aeioulnrst"), rng.integers(2, 9))) for _ in range(1500)]
    texts = [" ".join(rng.choice(made_up, 40)) for _ in range(600)]
    tokenizer = ImageTokenizer(TokenizerConfig(image_size=16 * grid, grid=grid, width=16)).eval()
    vocabulary = Vocabulary.learn([*WORDS, *texts], n_codes=tokenizer.n_codes, rows=grid, size=1200)
    model = Model.new(ModelConfig(patch=32, width=128, vision_width=256, context=1024), vocabulary, tokenizer)
    with torch.no_grad():  # else every code is about as likely as every other, and greedy proves little
        for weight in model.network.parameters():
            if weight.ndim > 1:
                weight.mul_(3)
    return model


def ours(model: Model, prompts: list[TokenPrompt], sampling: Sampling) -> Pictures:
    """One batch."""
    written = generate(model.network, prompts, model.masks, sampling)
    return [list(answer.ids) for [answer] in written]


class Allowed(LogitsProcessor):  # type: ignore[misc]  # transformers is untyped
    """Masks all rows to what the grammar allows at their common step."""

    def __init__(self, model: Model, prompt: TokenPrompt) -> None:
        grammar = Grammar(model.masks, prompt.kind, prompt.codes_per_image)
        self.forbidden: list[Tensor] = []
        while not grammar.done:
            allowed = grammar.allowed()
            padding = model.network.get_output_embeddings().out_features - len(allowed)
            self.forbidden.append(torch.cat([~allowed, torch.ones(padding, dtype=torch.bool)]))
            grammar.advance(int(allowed.nonzero()[0]))
        self.asked = 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """The scores (R, V), -inf where the grammar forbids."""
        return scores.masked_fill(self.forbidden[input_ids.shape[1] - self.asked], -torch.inf)


class Peer:
    """`transformers.generate` on the same batch."""

    def __init__(self, model: Model, prompts: list[TokenPrompt]) -> None:
        self.model = model
        self.allowed = Allowed(model, prompts[0])
        self.pad = model.vocabulary.id(PAD)
        self.prompt = self._padded([p.ids for p in prompts])
        self.negative = self._padded([p.negative for p in prompts])
        self.allowed.asked = self.prompt[0].shape[1]

    def _padded(self, rows: list[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
        width = max(map(len, rows))
        ids = torch.tensor([(self.pad,) * (width - len(row)) + row for row in rows])
        return ids, torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])

    @torch.inference_mode()
    def __call__(self, model: Model, prompts: list[TokenPrompt], sampling: Sampling, **more: Any) -> Pictures:
        """All rows end together, so none is padded at its end."""
        torch.manual_seed(sampling.seed)
        drawn = {"do_sample": True, "temperature": sampling.temperature, "top_p": 1.0, "top_k": 0}
        if sampling.guidance != 1:
            ids, mask = self.negative
            more |= {"guidance_scale": sampling.guidance, "negative_prompt_ids": ids}
            more |= {"negative_prompt_attention_mask": mask}
        out = self.model.network.generate(
            input_ids=self.prompt[0],
            attention_mask=self.prompt[1],
            max_new_tokens=len(self.allowed.forbidden),
            logits_processor=[self.allowed],
            **(drawn if sampling.temperature else {"do_sample": False}),
            **more,
        )
        return out[:, self.allowed.asked :].tolist()


def seconds(draw: Callable[..., Pictures], *arguments: Any) -> float:
    """Processor time of one run."""
    started = time.process_time()
    draw(*arguments)
    return time.process_time() - started


def measured(model: Model, prompts: list[TokenPrompt], sampling: Sampling, repeats: int) -> dict[str, Any]:
    """Pictures a second of each, after a check that they write the same when greedy."""
    peer = Peer(model, prompts)
    greedy = replace(sampling, temperature=0.0)
    if ours(model, prompts, greedy) != peer(model, prompts, greedy):
        raise SystemExit("greedy, the two write different tokens")
    ways: dict[str, Callable[..., Pictures]] = {
        "ours": ours,
        "peer": peer,
        "static": partial(peer, cache_implementation="static"),
    }
    turns = [[seconds(way, model, prompts, sampling) for way in ways.values()] for _ in range(repeats)]
    rates = [round(len(prompts) / best, 2) for best in np.min(turns, axis=0)]
    ratios = {
        f"ratios_{name}": [round(turn[place] / turn[0], 2) for turn in turns]
        for place, name in enumerate(ways)
        if place
    }
    return dict(zip(ways, rates, strict=True)) | ratios


def main() -> None:
    """Check, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--grid", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = drawing_model(options.grid)
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(WORDS, 5 + i % 9)) for i in range(options.pictures)]
    asked = [model.tokenize(draw_prompt(text, Position.PA)) for text in texts]
    prompts = [replace(prompt, number=i) for i, prompt in enumerate(asked)]
    plain = Sampling(temperature=0.5)
    bare = measured(model, prompts, plain, options.repeats)
    details = {
        "greedy_tokens_equal": True,
        "pictures": len(prompts),
        "tokens": 3 + options.grid * (options.grid + 1),
        "unguided": bare,
        "guided": measured(model, prompts, replace(plain, guidance=GUIDANCE), options.repeats),
    }
    print_result(Result("draw", bare["ours"], bare["peer"], "pictures/s", details), as_json=options.json)


if __name__ == "__main__":
    main()
