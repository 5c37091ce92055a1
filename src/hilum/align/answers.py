"""Several answers to a prompt in one sequence: the prompt and its images run once for all of them.

batch = pack([prompt_ids], [[chosen_ids, rejected_ids]], pad=vocabulary.id(PAD))
log_probability_BK, length_BK = answer_log_probabilities(model, replace(batch, features_NPD=features))

No answer attends to another, and each takes the positions that follow the prompt, so the numbers are those of
separate sequences; logits are made at answer tokens alone. An answer's tokens may be words, image codes or
control tokens. Tokens that open a row of image codes are not counted: the grammar writes them.

Shape suffixes: B prompts, K answers to each, T tokens, N images, P features of one image, D vision width.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from hilum.errors import UsageError
from hilum.model import Model
from hilum.model.network import Network, decoder, read
from hilum.model.network import logits as logits_of

SHARED_PROMPT = "hilum_shared_prompt"
"""The attention's name among `transformers`' own."""


@dataclass(frozen=True, eq=False)
class AnswerBatch:
    """Prompts with K answers each, one sequence for a prompt: prompt, answer 1, …, answer K, padding.

    Args:
        ids_BT: token ids.
        part_BT: 0 prompt, k the k-th answer, −1 padding.
        position_BT: positions; every answer's begin after the prompt.
        answers: K; an answer without tokens is missing.
        features_NPD: what the encoder made of the prompts' images, in order.
        reference_BK: log-probabilities of the answers under the reference model.
        old_BK: log-probabilities under the policy that sampled them (GRPO).
        advantage_BK: how much better than the prompt's other answers each is (GRPO).
        desirable_B: whether answer 1 is desirable, bool (KTO, where answer 2 is another prompt's).
    """

    ids_BT: Tensor
    part_BT: Tensor
    position_BT: Tensor
    answers: int
    features_NPD: Tensor | None = None
    reference_BK: Tensor | None = None
    old_BK: Tensor | None = None
    advantage_BK: Tensor | None = None
    desirable_B: Tensor | None = None


def pack(
    prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[Sequence[int]]], pad: int
) -> AnswerBatch:
    """Prompts' token ids and their answers', every prompt's as many, as one batch.

    Args:
        answers: of each prompt; an empty one is missing. An answer holds its own end token.
        pad: the id that fills rows up.

    Raises:
        UsageError: a prompt has no tokens, or prompts have unlike numbers of answers.
    """
    if len({len(row) for row in answers}) > 1 or len(answers) != len(prompts):
        raise UsageError("answers", "differ in number between prompts", "stand in for a missing one by ()")
    if not all(map(len, prompts)):
        raise UsageError("prompts", "hold one without tokens", "give each at least one")
    width = max(len(prompt) + sum(map(len, row)) for prompt, row in zip(prompts, answers, strict=True))
    ids_BT = torch.full((len(prompts), width), pad)
    part_BT = torch.full((len(prompts), width), -1)
    position_BT = torch.zeros((len(prompts), width), dtype=torch.long)
    for i, (prompt, row) in enumerate(zip(prompts, answers, strict=True)):
        start = 0
        for part, ids in enumerate((prompt, *row)):
            stop, first = start + len(ids), len(prompt) if part else 0
            ids_BT[i, start:stop] = torch.tensor(ids, dtype=torch.long)
            part_BT[i, start:stop] = part
            position_BT[i, start:stop] = torch.arange(first, first + len(ids))
            start = stop
    return AnswerBatch(ids_BT, part_BT, position_BT, len(answers[0]))


def answer_log_probabilities(model: Model, batch: AnswerBatch) -> tuple[Tensor, Tensor]:
    """The log-probability of each answer and the number of its counted tokens: (B, K) both, on the network.

    Raises:
        UsageError: the language model's positions or attention do not allow for a shared prompt.
    """
    network, rows = model.network, model.vocabulary.row_ids
    device = next(network.parameters()).device
    _require_shareable(network, int(batch.position_BT.max()) + 1)
    # What is chosen is counted where the batch was made: a device would have to be waited for.
    part_BT = batch.part_BT
    counted_BT = (part_BT > 0) & ~((batch.ids_BT >= rows.start) & (batch.ids_BT < rows.stop))
    row_N, column_N = counted_BT.nonzero(as_tuple=True)
    part_N = part_BT[row_N, column_N]
    # The first token of each answer is predicted from the prompt's last.
    last_prompt_B = (part_BT == 0).sum(1) - 1
    is_first_N = part_BT[row_N, column_N - 1] != part_N
    source_N = torch.where(is_first_N, last_prompt_B[row_N], column_N - 1)
    cell_N = row_N * batch.answers + part_N - 1
    length_BK = cell_N.bincount(minlength=len(part_BT) * batch.answers).view(len(part_BT), batch.answers)
    language: Any = decoder(network)
    language.config._attn_implementation = SHARED_PROMPT
    out = read(
        network,
        batch.ids_BT.to(device),
        None if batch.features_NPD is None else batch.features_NPD.to(device),
        attention_mask=_mask(part_BT, device),
        position_ids=batch.position_BT.to(device),
        use_cache=False,
    )
    hidden_ND = out.last_hidden_state[row_N.to(device), source_N.to(device)]
    logits_NV = logits_of(network, hidden_ND).float()
    wanted_N = batch.ids_BT[row_N, column_N].to(device)
    log_probability_N = -F.cross_entropy(logits_NV, wanted_N, reduction="none")
    sums = log_probability_N.new_zeros(length_BK.numel()).index_add(0, cell_N.to(device), log_probability_N)
    return sums.view(length_BK.shape), length_BK.to(device)


def _visible(query: Tensor, key: Tensor) -> Tensor:
    """Which parts see which: all the prompt, each answer and padding itself, so that no softmax is empty."""
    return (key == query) | ((key == 0) & (query > 0))


def _mask(part_BT: Tensor, device: torch.device) -> Any:
    """What `_attention` needs to know: on a GPU FlexAttention's blocks, elsewhere the last rows of a mask."""
    if device.type == "cuda":
        return _blocks(part_BT.to(device))
    # As many columns are prompt in every row: there plain causal attention does, at half the work.
    prompt = min(int((part_BT == 0).sum(1).min()), part_BT.shape[1] - 1)
    place = torch.arange(part_BT.shape[1])
    causal = place[prompt:, None] >= place
    mask_BQT = causal & _visible(part_BT[:, prompt:, None], part_BT[:, None])
    return mask_BQT[:, None].to(device)


def _blocks(part_BT: Tensor) -> Any:
    """The same as a `BlockMask`: blocks that nothing is seen in are left out."""
    from torch.nn.attention.flex_attention import create_block_mask

    def seen(row: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & _visible(part_BT[row, query], part_BT[row, key])

    count, length = part_BT.shape
    return create_block_mask(seen, count, None, length, length, device=part_BT.device)


def _attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **options: Any
) -> tuple[Tensor, Any]:
    """Attention of a decoder's layer: `transformers`' own, and its own where the mask is none of ours."""
    if attention_mask is not None and not isinstance(attention_mask, Tensor):
        from transformers.integrations.flex_attention import flex_attention_forward

        flexible: tuple[Tensor, Any] = flex_attention_forward(
            module, query, key, value, attention_mask, **options
        )
        return flexible
    prompt = 0 if attention_mask is None else query.shape[2] - attention_mask.shape[2]
    if not prompt:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    # Queries of the columns that are prompt in every row, then all the others.
    options["is_causal"] = True
    query_P, key_P, value_P = (states[:, :, :prompt] for states in (query, key, value))
    first, _ = sdpa_attention_forward(module, query_P, key_P, value_P, None, **options)
    options["is_causal"] = False
    rest, _ = sdpa_attention_forward(module, query[:, :, prompt:], key, value, attention_mask, **options)
    return torch.cat([first, rest], 1), None


# A network keeps this attention: activations that are checkpointed are made anew after the forward pass.
AttentionInterface.register(SHARED_PROMPT, _attention)
AttentionMaskInterface.register(SHARED_PROMPT, sdpa_mask)


def _require_shareable(network: Network, longest: int) -> None:
    """Refuse what a mask and positions cannot tell that answers stand side by side."""
    inner: Any = decoder(network)
    config = inner.config
    remedy = "use a language model with rotary or learned positions and full attention"
    takes_positions = "position_ids" in inspect.signature(inner.forward).parameters
    if not takes_positions or not getattr(inner, "_supports_attention_backend", False):
        raise UsageError("model", f"({config.model_type}) takes no positions of its own", remedy)
    kinds = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None)
    reach = longest if window is None or (kinds and "sliding_attention" not in kinds) else window
    # The mask given stands in for the window's, which must then reach over everything.
    if kinds - {"full_attention", "sliding_attention"} or longest > reach:
        problem = f"({config.model_type}) attends to less than {longest} tokens in some layers"
        raise UsageError("model", problem, remedy)
