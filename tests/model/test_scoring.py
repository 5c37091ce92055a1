"""Options of rows of unequal length score as each would by itself."""

from __future__ import annotations

import pytest
import torch

from hilum.model.scoring import Written, end_ids, generate, option_scores, padded, token_ids
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


@pytest.mark.parametrize(
    ("side", "ids", "mask"),
    [
        ("right", [[5, 6, 7, 9, 9], [8, 9, 9, 9, 9]], [[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]),
        ("left", [[9, 9, 5, 6, 7], [9, 9, 9, 9, 8]], [[0, 0, 1, 1, 1], [0, 0, 0, 0, 1]]),
    ],
)
def test_rows_are_padded_to_the_longest(side, ids, mask) -> None:
    inputs = padded(PROMPTS, 9, side, torch.device("cpu"))
    assert inputs["input_ids"].tolist() == [*ids, PROMPTS[2]]
    assert inputs["attention_mask"].tolist() == [*mask, [1] * 5]


@pytest.mark.parametrize(
    ("own", "of_tokenizer", "ends"),
    [(7, 9, {7}), ([7, 8], 9, {7, 8}), (None, 9, {9}), (None, None, set()), (0, 9, {0})],
)
def test_an_answer_ends_where_the_checkpoint_says_else_the_tokenizer(own, of_tokenizer, ends) -> None:
    network, tokenizer = stock.language("llama"), stock.tokenizer()
    network.generation_config.eos_token_id = own
    if of_tokenizer is not None:
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(of_tokenizer)
    assert end_ids(network, tokenizer) == ends


def greedy(network, ids: list[int], most: int) -> list[int]:
    with torch.inference_mode():
        for _ in range(most):
            ids = [*ids, int(network(torch.tensor([ids])).logits[0, -1].argmax())]
    return ids[-most:]


def test_answers_are_greedy_and_end_where_they_end() -> None:
    network, tokenizer = stock.language("llama"), stock.tokenizer()
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim > 1:
                weight.mul_(8)
    # A checkpoint that samples by itself is asked greedily all the same.
    network.generation_config.update(do_sample=True, temperature=5.0, top_k=0)
    network.generation_config.eos_token_id = None
    written = [greedy(network, prompt, 6) for prompt in PROMPTS]
    inputs = padded(PROMPTS, 0, "left", torch.device("cpu"))
    found = generate(network, inputs, tokenizer, most=6)
    assert found == [Written(tokenizer.decode(row), False) for row in written]
    end = written[0][3]
    network.generation_config.eos_token_id = [end, len(tokenizer) - 1]
    found = generate(network, inputs, tokenizer, most=6)
    cut = [row[: row.index(end)] if end in row else row for row in written]
    assert found == [Written(tokenizer.decode(c), len(c) < 6) for c in cut]
    assert found[0].finished


def test_control_tokens_are_kept_in_a_text_on_request() -> None:
    network, tokenizer = stock.language("llama"), stock.tokenizer()
    network.generation_config.eos_token_id = None
    inputs = padded(PROMPTS[:1], 0, "left", torch.device("cpu"))
    token = tokenizer.convert_ids_to_tokens(greedy(network, PROMPTS[0], 1)[0])
    tokenizer.add_special_tokens({"additional_special_tokens": [token]})
    [hidden] = generate(network, inputs, tokenizer, most=1)
    [shown] = generate(network, inputs, tokenizer, most=1, special=True)
    assert (hidden.text, shown.text) == ("", token)


def test_a_text_s_tokens_begin_and_end_no_sequence() -> None:
    tokenizer = stock.tokenizer()
    assert token_ids(tokenizer, "No nodule.") == tokenizer.backend_tokenizer.encode("No nodule.").ids
