"""Four answers to each prompt: one prefill for all, against `transformers`' `generate` once and four times.

    python benchmarks/nbest.py --json

The LLaVA of `preference_step.py`, prompts of an image (576 tokens) and 64 words, reports of 80 tokens,
temperature 1 from the whole vocabulary of words. The peer is `generate(num_return_sequences=4)`, which runs
every prompt and its image four times; `separate` is four calls of it for one answer each. All run the
encoder. Figures are tokens a second, the median of `--repeats` alternating runs.

That both draw from one distribution is checked on the small model of `generate.py`, which may end its answers
there: the Kolmogorov-Smirnov test compares the lengths of several hundred answers to the same prompts, and
their log-probabilities under the model; its p-values are printed, and below 0.01 the benchmark fails.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from scipy.stats import ks_2samp

from generate import Ours, Peer, nano_model, questions, seconds
from hilum.align import answer_log_probabilities, pack
from hilum.model.asking import shown
from hilum.model.engine import Sampling
from hilum.model.vocabulary import END, PAD
from preference_step import PROMPT, REPORT, SIDE, WORDS, llava
from result import Result, print_result

N = 4
Answers = list[list[int]]


def reports(count: int) -> Ours:
    """The LLaVA and its prompts; it writes words and never ends, so that all write as many tokens."""
    model, rng = llava(), np.random.default_rng(0)
    model.masks.words = model.masks.only(*model.vocabulary.text_ids)
    words = [" ".join(f"w{i}" for i in rng.integers(0, WORDS, PROMPT)) for _ in range(count)]
    return Ours(model, [shown((rng.random((SIDE, SIDE), np.float32),), text) for text in words])


def separately(peer: Peer) -> Callable[[Sampling], Answers]:
    """As many calls as answers."""

    def answer(sampling: Sampling) -> Answers:
        calls = [replace(sampling, n=1, seed=sampling.seed + i) for i in range(sampling.n)]
        return [ids for call in calls for ids in peer(call)]

    return answer


def same_distribution(prompts: int = 10, n: int = 40) -> dict[str, float]:
    """P-values of the Kolmogorov-Smirnov test between our answers and `generate`'s."""
    model = nano_model()
    with torch.no_grad():  # from weights as small as these every token would be as likely
        for weight in model.network.parameters():
            if weight.ndim > 1:
                weight.mul_(1.5)
    end = model.vocabulary.id(END)
    # Of so few words the end is one often enough for answers of all lengths.
    model.masks.words = model.masks.only(*model.vocabulary.text_ids[:40], end)
    ours = Ours(model, questions(prompts))
    features = model.features(ours.pixels)
    assert features is not None
    sampling = Sampling(n, 1.0, 1.0, max_new_tokens=100, seed=1)
    found: dict[str, list[list[float]]] = {"lengths": [], "log_probabilities": []}
    for way in (ours, Peer(ours)):
        written = way(sampling)
        groups = [written[i : i + n] for i in range(0, len(written), n)]
        batch = pack([p.ids for p in ours.ready], groups, pad=model.vocabulary.id(PAD))
        with torch.no_grad():
            sums, _ = answer_log_probabilities(model, replace(batch, features_NPD=features.clone()))
        found["lengths"].append([len(ids) for ids in written])
        found["log_probabilities"].append(sums.flatten().tolist())
    return {name: round(float(ks_2samp(*both).pvalue), 3) for name, both in found.items()}


def main() -> None:
    """Check, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--prompts", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    p_values = same_distribution()
    if min(p_values.values()) < 0.01:
        raise SystemExit(f"the two draw from unlike distributions: {p_values}")
    ours = reports(options.prompts)
    peer = Peer(ours)
    sampling = Sampling(N, 1.0, 1.0, REPORT)
    ways = {"ours": ours, "peer": peer, "separate": separately(peer)}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.repeats):
        for name, way in ways.items():
            taken[name].append(seconds(way, sampling))
    tokens = options.prompts * N * REPORT
    rate = {name: round(tokens / statistics.median(found), 1) for name, found in taken.items()}
    details = {
        "separate": rate["separate"],
        "ratio_to_separate": round(rate["ours"] / rate["separate"], 2),
        "ks_p_values": p_values,
        "prompts": options.prompts,
    }
    print_result(Result("nbest", rate["ours"], rate["peer"], "tokens/s", details), as_json=options.json)


if __name__ == "__main__":
    main()
