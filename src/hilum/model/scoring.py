"""Tokens written and scored by any causal network of `transformers`, in batches.

written = generate(network, inputs, tokenizer, most=512)      # Written(text, finished) of each row
scores = option_scores(network, inputs, [[5, 6], [7]])        # mean log-probability of each row's option
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor


class Written(NamedTuple):
    """A row's answer; `finished` is False when the most tokens cut it off."""

    text: str
    finished: bool


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """A text's tokens, without those that begin or end a sequence."""
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def padded(
    rows: Sequence[Sequence[int]], pad: int, side: Literal["left", "right"], device: Any
) -> dict[str, Tensor]:
    """Token ids of unequal length as `input_ids` and `attention_mask`, (R, T) both."""
    longest = max(map(len, rows))
    left = side == "left"
    fills = [(longest - len(row)) * [pad] for row in rows]
    ids = [[*fill, *row] if left else [*row, *fill] for row, fill in zip(rows, fills, strict=True)]
    real = [[0] * len(fill) + [1] * len(row) for row, fill in zip(rows, fills, strict=True)]
    mask = real if left else [row[::-1] for row in real]
    return {
        "input_ids": torch.tensor(ids, device=device),
        "attention_mask": torch.tensor(mask, device=device),
    }


@torch.inference_mode()
def generate(
    network: Any, inputs: Mapping[str, Tensor], tokenizer: Any, *, most: int, special: bool = False
) -> list[Written]:
    """Greedy answers to prompts padded on the left.

    Args:
        inputs: `input_ids` (R, T) and whatever else the network takes.
        special: keep control tokens in the text, other than the one that ends the answer.
    """
    ends = end_ids(network, tokenizer)
    pad = tokenizer.pad_token_id
    out_RT = network.generate(
        **inputs,
        do_sample=False,
        num_beams=1,
        temperature=1.0,
        top_p=1.0,
        top_k=50,  # without sampling these three are unread, but a checkpoint's own values draw warnings
        max_new_tokens=most,
        eos_token_id=sorted(ends) or None,
        pad_token_id=pad if pad is not None else next(iter(sorted(ends)), 0),
    )
    ids_RT = inputs["input_ids"]
    asked = ids_RT.shape[1]
    # Networks that are prompted by embeddings give back only what they wrote.
    whole = out_RT.shape[1] >= asked and torch.equal(out_RT[:, :asked], ids_RT)
    return [_written(row, ends, tokenizer, special) for row in out_RT[:, asked if whole else 0 :].tolist()]


def end_ids(network: Any, tokenizer: Any) -> set[int]:
    """The tokens that end an answer: the checkpoint's own, else the tokenizer's."""
    own = network.generation_config.eos_token_id
    own = tokenizer.eos_token_id if own is None else own
    return set(own) if isinstance(own, list | tuple) else set() if own is None else {own}


def _written(ids: Sequence[int], ends: set[int], tokenizer: Any, special: bool) -> Written:
    """The last token is dropped only where it does end the answer."""
    stop = next((place for place, token in enumerate(ids) if token in ends), None)
    text = tokenizer.decode(ids[:stop], skip_special_tokens=not special)
    return Written(text, stop is not None)


@torch.inference_mode()
def option_scores(
    network: Any, inputs: Mapping[str, Tensor], options: Sequence[Sequence[int]], *, pad: int = 0
) -> list[float]:
    """The mean log-probability per token of each row's option as what follows the row's prompt.

    Args:
        inputs: `input_ids` and `attention_mask` (R, T), padded on the right, and whatever else the network
            takes. What is after a token changes nothing for it, so a row scores as it would alone.
        options: token ids of each row's option.

    Raises:
        ValueError: an option has no tokens.
    """
    if not all(options):
        raise ValueError("an option has no tokens")
    lengths = inputs["attention_mask"].sum(1).tolist()
    total = max(length + len(option) for length, option in zip(lengths, options, strict=True))
    wide = _with_options(inputs, lengths, options, total, pad)
    kept = total - min(lengths) + 1
    if "logits_to_keep" in inspect.signature(network.forward).parameters:
        wide["logits_to_keep"] = kept  # logits are as wide as the vocabulary: those of the prompt are unread
    logits_RTV = network(**wide, use_cache=False).logits
    unread = total - logits_RTV.shape[1]
    scores = []
    for row, (length, option) in enumerate(zip(lengths, options, strict=True)):
        first = length - 1 - unread
        log_probs_NV = logits_RTV[row, first : first + len(option)].float().log_softmax(-1)
        wanted = torch.tensor(option, device=log_probs_NV.device)
        scores.append(float(log_probs_NV.gather(-1, wanted[:, None]).double().mean()))
    return scores


def _with_options(
    inputs: Mapping[str, Tensor],
    lengths: Sequence[int],
    options: Sequence[Sequence[int]],
    total: int,
    pad: int,
) -> dict[str, Any]:
    """The inputs with each row's option written behind its prompt; what is told of each token grows by 0."""
    shape = inputs["input_ids"].shape
    wide: dict[str, Any] = {}
    for name, value in inputs.items():
        if not isinstance(value, Tensor) or value.shape != shape:
            wide[name] = value
            continue
        grown = value.new_full((shape[0], total), pad if name == "input_ids" else 0)
        for row, (length, option) in enumerate(zip(lengths, options, strict=True)):
            grown[row, :length] = value[row, :length]
            if name == "input_ids":
                grown[row, length : length + len(option)] = value.new_tensor(option)
            elif name == "attention_mask":
                grown[row, length : length + len(option)] = 1
        wide[name] = grown
    return wide
