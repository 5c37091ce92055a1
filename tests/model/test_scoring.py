"""Options of rows of unequal length score as each would by itself."""

from __future__ import annotations

import pytest
import torch

from hilum.model.scoring import option_scores, padded
from model import stock

PROMPTS = [[5, 6, 7], [8], [9, 10, 11, 12, 13]]
OPTIONS = [[14], [15, 16, 17], [18, 19]]


@pytest.mark.parametrize("name", ["llama", "gpt_neox"])
def test_an_option_scores_as_alone_by_the_mean_of_its_tokens(name) -> None:
    network = stock.language(name)
    together = option_scores(network, padded(PROMPTS, 0, "right", torch.device("cpu")), OPTIONS)
    for prompt, option, score in zip(PROMPTS, OPTIONS, together, strict=True):
        with torch.inference_mode():
            logits = network(torch.tensor([prompt + option])).logits[0].log_softmax(-1)
        places = range(len(prompt) - 1, len(prompt) + len(option) - 1)
        said = [float(logits[place, token]) for place, token in zip(places, option, strict=True)]
        assert score == pytest.approx(sum(said) / len(said), abs=1e-4)


def test_an_option_without_tokens_is_refused() -> None:
    inputs = padded(PROMPTS, 0, "right", torch.device("cpu"))
    with pytest.raises(ValueError, match="no tokens"):
        option_scores(stock.language("llama"), inputs, [[14], [], [18]])
