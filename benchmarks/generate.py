"""Sampling n answers to each prompt: ours, from one prefill, against `transformers`' own `generate`.

    python benchmarks/generate.py --json

The same random weights of nano's size, the same prompts (an image and a question of varying length), the
same number of new tokens, temperature 1 and a nucleus of 0.95; both may write text tokens alone and neither
ends early. `transformers` repeats every prompt and its image n times before it starts. Both run the encoder.
Figures are tokens a second, the best of `--repeats` alternating runs; `prefill_alone` is the time for one
token. That both write the same tokens when greedy is checked first.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from hilum.model import Model, ModelConfig, Prompt, Vocabulary
from hilum.model.asking import shown
from hilum.model.engine import Sampling, TokenPrompt, generate
from hilum.model.network import pixel_values
from hilum.model.vocabulary import END, PAD
from hilum.tokenizer import ImageTokenizer, TokenizerConfig
from result import Result, print_result

TEXT = "No pleural effusion or pneumothorax. Is there a nodule in the right upper lobe?"
WORDS = TEXT.split()


def nano_model() -> Model:
    """Nano's default sizes, random weights, a vocabulary of about 2,200 tokens."""
    rng = np.random.default_rng(0)
    made_up = ["".join(rng.choice(list("aeioulnrst"), rng.integers(2, 9))) for _ in range(1500)]
    texts = [" ".join(rng.choice(made_up, 40)) for _ in range(600)]
    vocabulary = Vocabulary.learn([*WORDS, *texts], n_codes=1000, size=1200)
    model = Model.new(ModelConfig(), vocabulary, ImageTokenizer(TokenizerConfig()).eval())
    # Text tokens alone, and no end: both sides then write the same number of tokens.
    model.masks.words = model.masks.only(*vocabulary.text_ids)
    return model


def questions(count: int) -> list[Prompt]:
    """An image and a question each, of varying length."""
    rng = np.random.default_rng(1)
    return [
        shown((rng.random((128, 128), np.float32),), " ".join(rng.choice(WORDS, 5 + i % 9)))
        for i in range(count)
    ]


class Ours:
    """One prefill for all answers."""

    def __init__(self, model: Model, prompts: list[Prompt]) -> None:
        self.model = model
        self.ready = [model.tokenize(prompt) for prompt in prompts]
        self.pixels = torch.stack([model.prepare(prompt.images[0]) for prompt in prompts])

    def __call__(self, sampling: Sampling) -> list[list[int]]:
        """Token ids of every answer, prompt by prompt."""
        features = self.model.features(self.pixels)
        assert features is not None
        prompts: list[TokenPrompt] = [
            replace(p, features=features[i : i + 1], number=i) for i, p in enumerate(self.ready)
        ]
        written = generate(self.model.network, prompts, self.model.masks, sampling)
        return [list(answer.ids) for row in written for answer in row]


class Peer:
    """`transformers.generate` on the same batch."""

    def __init__(self, ours: Ours) -> None:
        self.model, self.pixels = ours.model, ours.pixels
        width = max(len(p.ids) for p in ours.ready)
        pad = self.model.vocabulary.id(PAD)
        self.ids = torch.tensor([(pad,) * (width - len(p.ids)) + p.ids for p in ours.ready])
        self.mask = (self.ids != pad).long()
        allowed = self.model.masks.words.mask
        self.unwanted = (~allowed).nonzero().squeeze(1).tolist()
        self.end = self.model.vocabulary.id(END)
        self.ends = bool(allowed[self.end])

    @torch.inference_mode()
    def __call__(self, sampling: Sampling) -> list[list[int]]:
        """Token ids of every answer, prompt by prompt."""
        torch.manual_seed(sampling.seed)
        drawn = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
        out = self.model.network.generate(
            input_ids=self.ids,
            attention_mask=self.mask,
            pixel_values=pixel_values(self.pixels),
            num_return_sequences=sampling.n,
            min_new_tokens=None if self.ends else sampling.max_new_tokens,
            eos_token_id=self.end,
            max_new_tokens=sampling.max_new_tokens,
            suppress_tokens=self.unwanted,
            **(drawn if sampling.temperature else {"do_sample": False}),
        )
        written = out[:, self.ids.shape[1] :].tolist()
        return [ids[: ids.index(self.end) + 1] if self.end in ids else ids for ids in written]


def seconds(answer: Callable[[Sampling], list[list[int]]], sampling: Sampling) -> float:
    """Wall time of one run."""
    started = time.perf_counter()
    answer(sampling)
    return time.perf_counter() - started


def main() -> None:
    """Check, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--prompts", type=int, default=10)
    parser.add_argument("--n", type=int, default=6)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    ours = Ours(nano_model(), questions(options.prompts))
    peer = Peer(ours)
    greedy = Sampling(max_new_tokens=24)
    if ours(greedy) != peer(greedy):
        raise SystemExit("greedy, the two write different tokens")
    sampling = Sampling(options.n, 1.0, 0.95, options.tokens)
    one = replace(sampling, max_new_tokens=1)
    runs = [(seconds(ours, sampling), seconds(peer, sampling)) for _ in range(options.repeats)]
    prefills = [(seconds(ours, one), seconds(peer, one)) for _ in range(options.repeats)]
    tokens = options.prompts * options.n * options.tokens
    best, first = np.min(runs, axis=0), np.min(prefills, axis=0)
    details = {
        "greedy_tokens_equal": True,
        "rows": options.prompts * options.n,
        "new_tokens": options.tokens,
        "prefill_alone_ms": {"ours": round(1000 * first[0], 1), "peer": round(1000 * first[1], 1)},
    }
    print_result(
        Result("generate", round(tokens / best[0], 1), round(tokens / best[1], 1), "tokens/s", details),
        as_json=options.json,
    )


if __name__ == "__main__":
    main()
