"""One interface to stock `transformers` networks: a causal language model, alone or joined to an encoder.

features = see(network, pixel_values_BCHW)              # (B, P, D): what the vision encoder makes of images
hidden = read(network, ids_BT, features_BPD)            # (B, T, width), features laid over the image tokens
logits(network, hidden)                                 # (B, T, vocabulary)

Any `AutoModelForCausalLM` reads and writes image codes. Joined to an encoder it is a LLaVA (vision
transformers, an MLP between), a FastVLM (convolutional encoders, an MLP) or a BLIP-2 (its own vision
transformer, a Q-Former). No other file knows a class or what its parts are called.

Shape suffixes: B examples, T tokens, N images, P features of one image, D vision width, C channels,
H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, PreTrainedModel

from hilum.errors import DataError

Network = PreTrainedModel

PIXEL_MEAN = PIXEL_STD = (0.5, 0.5, 0.5)
"""[0, 1] becomes [-1, 1]."""


def load_network(folder: Path, *, joined: bool) -> Network:
    """The network of a run folder.

    Args:
        joined: whether a vision encoder belongs to it.

    Raises:
        DataError: its weights are missing, incomplete or damaged.
    """
    if not any(folder.glob("model*.safetensors")):
        raise DataError(folder / "model.safetensors", "is missing", "training has not finished: run it again")
    kind: Any = AutoModelForImageTextToText if joined else AutoModelForCausalLM
    try:
        network, notes = kind.from_pretrained(
            folder,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    # `transformers` guesses at a damaged config.json, and fails in as many ways as it has models.
    except (
        SafetensorError,
        OSError,
        ValueError,
        RuntimeError,
        TypeError,
        LookupError,
        ImportError,
        AttributeError,
    ) as error:
        problem = f"its weights cannot be read ({type(error).__name__})"
        raise DataError(folder, problem, "name a run folder that training finished") from error
    missing = sorted(notes["missing_keys"])
    if missing:  # `transformers` would fill them in at random
        raise DataError(folder, f"lacks weights, {missing[0]} among them", "save the model anew")
    return at_rest(network)


def at_rest(network: Network) -> Network:
    """The same network, not in training, its convolutions laid out as they run fastest."""
    nn.Module.eval(network)
    if _kind(network) == "fast_vlm":
        tower: Any = vision_tower(network)  # torch's annotations leave the layout out
        tower.to(memory_format=torch.channels_last)
    return network


def _kind(network: Network) -> str:
    return str(network.config.model_type)


def vision_tower(network: Network) -> nn.Module:
    """The vision encoder of a network that has one."""
    joined: Any = network
    tower: nn.Module = joined.vision_model if _kind(network) == "blip-2" else joined.model.vision_tower
    return tower


def decoder(network: Network) -> nn.Module:
    """The language model without its head."""
    whole: Any = network
    holder = whole if hasattr(whole, "language_model") else whole.base_model
    inner: nn.Module = getattr(holder, "language_model", holder).base_model
    return inner


def head(network: Network) -> nn.Module:
    """What turns hidden states into logits: `lm_head`, GPT-NeoX's `embed_out`, whatever it is called."""
    whole: Any = network
    language = whole.language_model if _kind(network) == "blip-2" else whole
    found: nn.Module = language.get_output_embeddings()
    return found


def pixel_values(
    pixels_BHW: Tensor, mean: Sequence[float] = PIXEL_MEAN, std: Sequence[float] = PIXEL_STD
) -> Tensor:
    """Grey pixels in [0, 1] as an encoder wants them: (B, 3, H, W), normalised channel by channel."""
    shift, scale = (pixels_BHW.new_tensor(values)[:, None, None] for values in (mean, std))
    normalised = (pixels_BHW[:, None] - shift) / scale
    return normalised.contiguous(memory_format=torch.channels_last)


def see(network: Network, values_BCHW: Tensor) -> Tensor:
    """What the vision encoder makes of images, before the bridge: (B, P, D).

    Args:
        values_BCHW: normalised pixels, see `pixel_values`.
    """
    tower: Any = vision_tower(network)
    if _kind(network) == "fast_vlm":
        return patches(see_stages(tower, values_BCHW))
    out = tower(values_BCHW, output_hidden_states=True)
    if _kind(network) == "blip-2":
        seen: Tensor = out.last_hidden_state
        return seen
    config: Any = network.config
    chosen: Tensor = out.hidden_states[config.vision_feature_layer]
    return chosen[:, 1:] if config.vision_feature_select_strategy == "default" else chosen


def patches(stages: Sequence[Tensor]) -> Tensor:
    """The last of a convolutional encoder's stages as patch features: (B, P, D)."""
    return stages[-1].flatten(2).transpose(1, 2)


def see_stages(tower: nn.Module, values_BCHW: Tensor) -> tuple[Tensor, ...]:
    """What each stage of a convolutional encoder makes of images, the finest first: (B, C, h, w) each."""
    out: Any = tower(values_BCHW, output_hidden_states=True)
    return (*out.hidden_states[1:-1], out.last_hidden_state)


def pooled(network: Network, values_BCHW: Tensor) -> Tensor:
    """What the encoder makes of images, averaged over places: (B, D); a convolutional one's stages each."""
    if _kind(network) == "fast_vlm":
        stages = see_stages(vision_tower(network), values_BCHW)
        return torch.cat([stage.mean((2, 3)) for stage in stages], 1)
    return see(network, values_BCHW).mean(1)


def bridge(network: Network) -> nn.Module:
    """What turns an encoder's features into the language model's embeddings."""
    joined: Any = network
    found: nn.Module = (
        joined.language_projection if _kind(network) == "blip-2" else joined.model.multi_modal_projector
    )
    return found


def bridged(network: Network, features_NPD: Tensor) -> Tensor:
    """Features of N images as embeddings: (N, positions of an image, width)."""
    if _kind(network) != "blip-2":
        made: Tensor = bridge(network)(features_NPD)
        return made
    joined: Any = network
    queries = joined.query_tokens.expand(len(features_NPD), -1, -1).to(features_NPD.dtype)
    out = joined.qformer(query_embeds=queries, encoder_hidden_states=features_NPD)
    made = bridge(network)(out.last_hidden_state)
    return made


def embed(network: Network, ids_BT: Tensor, features_NPD: Tensor | None) -> Tensor:
    """Token embeddings with the bridged features of N images laid over their image tokens, in order."""
    table: Any = decoder(network)
    embedded: Tensor = table.get_input_embeddings()(ids_BT)
    if features_NPD is None or not len(features_NPD):
        return embedded
    joined: Any = network
    places = (ids_BT == joined.config.image_token_id)[..., None].expand_as(embedded)
    return embedded.masked_scatter(places, bridged(network, features_NPD).to(embedded.dtype))


def embedding_std(network: Network) -> float:
    """How far the language model's embeddings lie from their mean."""
    table: Any = decoder(network)
    return float(table.get_input_embeddings().weight.detach().std())


def read(network: Network, ids_BT: Tensor, features_NPD: Tensor | None, **options: Any) -> Any:
    """Run the language model; `options` go to it (attention_mask, position_ids, past_key_values, …)."""
    return decoder(network)(inputs_embeds=embed(network, ids_BT, features_NPD), **options)


def logits(network: Network, hidden: Tensor, ids: Tensor | slice | None = None) -> Tensor:
    """What the language model's head makes of hidden states (…, width): (…, vocabulary).

    A cap that the stock model puts on its logits (Gemma 2) is put on these.

    Args:
        ids: the tokens whose logits are wanted, if not all; where the head is a plain matrix no others are
            computed.
    """
    last = head(network)
    made: Tensor
    if ids is None:
        made = last(hidden)
    elif type(last) is nn.Linear:
        made = F.linear(hidden, last.weight[ids], None if last.bias is None else last.bias[ids])
    else:
        made = last(hidden)[..., ids]
    # LLaVA and FastVLM take the decoder alone, and put no cap on.
    capped = network if _kind(network) not in ("llava", "fast_vlm") else None
    config: Any = getattr(capped, "config", None)
    cap = getattr(getattr(config, "text_config", config), "final_logit_softcapping", None)
    return made if cap is None else cap * torch.tanh(made / cap)
