"""Which of several drawn pictures shows the text best, by the model's own reading of them.

kept = rerank(model, prompt, candidates, n=1)

A model that both draws and reads can check itself: the likelier it finds the asked words in a picture, the
better the picture shows them (self-reranking: CogView, Ding et al., arXiv 2105.13290). Every candidate is a
whole picture already; nothing is drawn again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from hilum.model.answer import Answer, Prompt
from hilum.model.config import ModelConfig
from hilum.model.encode import encode
from hilum.model.network import Network, read
from hilum.model.network import logits as logits_of
from hilum.model.vocabulary import Vocabulary
from hilum.prompts import canonical
from hilum.reports import in_brief
from hilum.study import ImageIn, Message, Pixels, Task, Text


class Reader(Protocol):
    """What is needed of a model to read a picture: `hilum.model.Model` has it."""

    network: Network
    vocabulary: Vocabulary
    config: ModelConfig

    def prepare(self, pixels: Pixels) -> Tensor:
        """Pixels fitted to the model's square."""
        ...

    def features(self, pixels_BHW: Tensor) -> Tensor | None:
        """What the encoder sees, (B, P, D); None for a model that reads codes only."""
        ...


def rerank(model: Reader, prompt: Prompt, candidates: Sequence[Answer], n: int) -> list[Answer]:
    """The `n` candidates in which the model best finds the prompt's words, the best first."""
    found = log_likelihoods(model, prompt, candidates)
    order = sorted(range(len(candidates)), key=lambda i: -found[i])
    return [candidates[i] for i in order[:n]]


@torch.inference_mode()
def log_likelihoods(model: Reader, prompt: Prompt, candidates: Sequence[Answer]) -> list[float]:
    """Log-probability of the prompt's words, in brief, as the findings of each drawn picture."""
    words = in_brief(" ".join(p.text for m in prompt.messages for p in m.parts if isinstance(p, Text)))
    question = Text(canonical(Task.FINDINGS, indication=""))

    def codes_of(number: str) -> Sequence[int]:
        return candidates[int(number)].codes

    rows = []
    for number in range(len(candidates)):
        asked = Message("user", (ImageIn(str(number)), question))
        told = Message("assistant", (Text(words),))
        rows.append(encode((asked, told), model.vocabulary, model.config, codes_of=codes_of))
    device = next(model.network.parameters()).device
    ids_BT = torch.tensor([row.ids for row in rows], device=device)
    features = model.features(
        torch.stack([model.prepare(d.image) for d in candidates if d.image is not None])
    )
    hidden = read(model.network, ids_BT, features, use_cache=False).last_hidden_state
    # All rows hold the same words in the same places; the token before predicts each.
    [places] = torch.tensor(rows[0].targets).nonzero(as_tuple=True)
    logits = logits_of(model.network, hidden[:, places - 1]).float()
    picked = logits.log_softmax(-1).gather(2, ids_BT[:, places, None]).squeeze(2)
    return [float(value) for value in picked.sum(1)]
