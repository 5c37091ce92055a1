"""What a tuned model keeps of its language: how likely general answers are before and after.

    python benchmarks/text_kept.py --before smollm2 --after runs/llm-cxr runs/chexagent --json

Two hundred questions of general knowledge and skill with their answers (`general_test.jsonl`, none of which
`--text-only general` teaches) are laid out by each run's own chat template, and both models are given the
same token ids. Printed is the mean log-likelihood of an answer's tokens in nats, over all tokens of all
answers, with paired 95 % bootstrap intervals over the pairs. A fall of 5 % means that the log-likelihood is
5 % farther from 0.

It is printed twice. What a run added to the vocabulary, image codes above all, competes with its words even
before it is trained. `words`, whose mean is the headline, lets only the tokens of the model before compete,
as where words are generated and no code can be; `vocabulary` lets all of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

import hilum
from hilum.bench.intervals import Bootstrap, ratio
from hilum.errors import UsageError
from hilum.files import Problems
from hilum.instruct.text_only import TextOnly, general
from hilum.model import Model, Prompt, Vocabulary
from hilum.model.build import extend_embeddings
from hilum.model.network import Network, logits, read
from hilum.model.pretrained import load_language
from hilum.progress import Progress
from hilum.study import Text
from result import Result, print_result

BATCH = 16
Totals = npt.NDArray[np.float64]
"""The log-likelihood of each answer, among the words and in the whole vocabulary: (2, N)."""


@dataclass(frozen=True)
class Pair:
    """A question and its answer as token ids."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


def pairs_of(model: Model) -> tuple[Pair, ...]:
    """The questions as a model is asked them, and their answers."""
    found = []
    for conversation in TextOnly(general("test")).conversations(Problems()):
        [said] = conversation.messages[-1].parts
        assert isinstance(said, Text)
        asked = model.tokenize(Prompt(conversation.messages[:-1]))
        found.append(Pair(asked.ids, tuple(model.vocabulary.encode(said.text))))
    return tuple(found)


@torch.inference_mode()
def totals(network: Network, pairs: Sequence[Pair], words: int, name: str) -> Totals:
    """How likely a network finds each answer, where the first `words` tokens compete, and where all do."""
    found = np.empty((2, len(pairs)))
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i].prompt + pairs[i].answer))
    device = next(network.parameters()).device
    with Progress() as bars:
        for start in bars.follow(name, range(0, len(order), BATCH), -(-len(order) // BATCH)):
            chosen = order[start : start + BATCH]
            # Padding comes after a row's tokens, which therefore never attend to it.
            rows = [torch.tensor(pairs[i].prompt + pairs[i].answer) for i in chosen]
            ids_BT = pad_sequence(rows, batch_first=True).to(device)
            hidden_BTD = read(network, ids_BT, None, use_cache=False).last_hidden_state
            for row, i in enumerate(chosen):
                answer = torch.tensor(pairs[i].answer, device=device)
                first = len(pairs[i].prompt) - 1
                scores = logits(network, hidden_BTD[row, first : first + len(answer)]).double()
                picked = scores.gather(1, answer[:, None]).sum()
                for kind, competing in enumerate((scores[:, :words], scores)):
                    found[kind, i] = picked - competing.logsumexp(1).sum()
    return found


class Before:
    """The language model that runs started from.

    Args:
        name: as `hilum train --text` takes it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        language, self._tokenizer = load_language(name)
        self._language: PreTrainedModel = language.eval().to("cuda" if torch.cuda.is_available() else "cpu")
        self._known = cache(self._totals)

    @property
    def words(self) -> int:
        """How many tokens it has; what a run adds comes after them."""
        return len(self._tokenizer)

    def totals(self, pairs: tuple[Pair, ...], vocabulary: Vocabulary, run: Path) -> Totals:
        """How likely it finds each answer, laid out as a run has it.

        Raises:
            UsageError: the run's tokens are not this model's with others behind them.
        """
        own, theirs = self._tokenizer.get_vocab(), vocabulary.tokenizer.get_vocab()
        if any(theirs.get(token) != number for token, number in own.items()):
            raise UsageError(run, f"is not made from {self.name}: its tokens are others", "name its --text")
        rows = self._language.get_input_embeddings().weight.shape[0]
        if max(max(pair.prompt + pair.answer) for pair in pairs) >= rows:  # a layout with tokens of its own
            extend_embeddings(self._language, vocabulary)
        return self._known(pairs)

    def _totals(self, pairs: tuple[Pair, ...]) -> Totals:
        return totals(self._language, pairs, self.words, self.name)


def compared(
    pairs: Sequence[Pair], before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]
) -> dict[str, Any]:
    """Both means, their difference and the fall in percent, each with its interval."""
    tokens = np.array([len(pair.answer) for pair in pairs], np.float64)
    boot = Bootstrap([str(number) for number in range(len(pairs))])
    figures = {
        "before": boot.estimate(lambda w: ratio(w, before, tokens)),
        "after": boot.estimate(lambda w: ratio(w, after, tokens)),
        "difference": boot.estimate(lambda w: ratio(w, after - before, tokens)),
        "fall_percent": boot.estimate(lambda w: 100 * ratio(w, before - after, -before)),
    }
    return {name: figure.to_json() for name, figure in figures.items()}


def measured(name: str, runs: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Run → its figures beside those of the model before."""
    before = Before(name)
    found = {}
    for run in runs:
        model = hilum.load(run)
        pairs = pairs_of(model)
        untuned = before.totals(pairs, model.vocabulary, run)
        tuned = totals(model.network, pairs, before.words, str(run))
        found[str(run)] = {
            kind: compared(pairs, *both)
            for kind, both in zip(("words", "vocabulary"), zip(untuned, tuned, strict=True), strict=True)
        } | {"tokens": sum(len(pair.answer) for pair in pairs)}
    return found


def main() -> None:
    """Measure and print; the first run is the one whose figure is `ours`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", required=True, help="the language model: smollm2, a folder, a Hub id")
    parser.add_argument("--after", required=True, type=Path, nargs="+", metavar="RUN", help="run folders")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measured(options.before, options.after)
    first = found[str(options.after[0])]["words"]
    result = Result("text_kept", first["after"]["value"], first["before"]["value"], "nats per token", found)
    print_result(result, as_json=options.json)


if __name__ == "__main__":
    main()
