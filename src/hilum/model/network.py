"""The network: stock `transformers` architectures, chosen by the two switches, and how images enter them.

network = build_network(ModelConfig(), vocabulary)     # FastVlmForConditionalGeneration or LlamaForCausalLM
features = see(vision_tower(network), pixels_BHW)       # (B, P, D)
hidden = read(network, ids_BT, features_BPD)            # (B, T, width)

The encoder is a ResNet: from random weights and some thousand images a convolutional network learns to see
findings several times sooner than a vision transformer does. FastVLM is the stock architecture that joins a
convolutional encoder to a language model.

Shape suffixes: B examples, T tokens, P features of one image, D vision width, H height, W width.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import (
    FastVlmConfig,
    FastVlmForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    ResNetConfig,
    ResNetModel,
)

from hilum.errors import DataError
from hilum.model.config import ModelConfig
from hilum.model.vocabulary import END, IMAGE, PAD, Vocabulary

Network = FastVlmForConditionalGeneration | LlamaForCausalLM

PIXEL_MEAN = PIXEL_STD = 0.5
"""[0, 1] becomes [-1, 1]."""

ALIKE = 0.95
"""How much of an image code's first embedding follows from its vector; the rest is its own."""


def build_network(config: ModelConfig, vocabulary: Vocabulary, seed: int = 0) -> Network:
    """A network with random weights that depend on `seed` alone."""
    text = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=config.width,
        intermediate_size=config.width * 8 // 3 // 32 * 32,
        num_hidden_layers=config.depth,
        num_attention_heads=config.width // config.head,
        num_key_value_heads=config.width // config.head,
        max_position_embeddings=config.context,
        tie_word_embeddings=True,
        pad_token_id=vocabulary.id(PAD),
        eos_token_id=vocabulary.id(END),
        bos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if not config.sees_features:
            return _at_rest(LlamaForCausalLM(text))
        joined = FastVlmConfig(
            vision_config=_tower_config(config),
            text_config=text,
            image_token_index=vocabulary.id(IMAGE),
            image_seq_length=config.features_per_image,
            tie_word_embeddings=True,
        )
        joined.pad_token_id = text.pad_token_id
        return _at_rest(FastVlmForConditionalGeneration(joined))


def _tower_config(config: ModelConfig) -> ResNetConfig:
    resnet: Any = ResNetConfig  # its annotations leave out what FastVLM reads
    made: ResNetConfig = resnet(
        num_channels=3,
        embedding_size=config.vision_sizes[0],
        hidden_sizes=list(config.vision_sizes),
        depths=[config.vision_depth] * len(config.vision_sizes),
        layer_type="basic",
        hidden_size=config.vision_width,  # where FastVLM's bridge looks for the width
    )
    return made


def build_tower(config: ModelConfig, seed: int = 0) -> nn.Module:
    """A vision encoder alone, with random weights that depend on `seed`."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tower: Any = ResNetModel(_tower_config(config))
    made: nn.Module = tower.to(memory_format=torch.channels_last)
    return made


def start_codes(network: Network, first_code: int, vectors_KC: Tensor, seed: int = 0) -> None:
    """Start the embeddings of image codes from the codes' own vectors, so that like codes begin alike.

    A code's embedding is a random quadratic form of its vector, of the size that other tokens' random
    embeddings have. A network that starts so reaches the same loss on images several times sooner.

    Args:
        vectors_KC: vectors of the image tokenizer's codes, in order.
    """
    standard = (vectors_KC - vectors_KC.mean(0)) / vectors_KC.std(0)
    first, second = torch.triu_indices(standard.shape[1], standard.shape[1])
    terms = torch.cat([standard, standard[:, first] * standard[:, second]], 1)
    terms = (terms - terms.mean(0)) / terms.std(0).clamp(min=1e-6)
    table: Any = network.get_input_embeddings().weight
    generator = torch.Generator().manual_seed(seed)
    mixed = terms @ torch.randn(terms.shape[1], table.shape[1], generator=generator) / terms.shape[1] ** 0.5
    with torch.no_grad():
        rows = table[first_code : first_code + len(mixed)]
        rows.copy_((1 - ALIKE**2) ** 0.5 * rows + ALIKE * rows.std() * mixed.to(rows))


def load_network(folder: Path, config: ModelConfig) -> Network:
    """The network of a run folder.

    Raises:
        DataError: its weights are missing, incomplete or damaged.
    """
    if not (folder / "model.safetensors").is_file():
        raise DataError(folder / "model.safetensors", "is missing", "training has not finished: run it again")
    kind: Any = FastVlmForConditionalGeneration if config.sees_features else LlamaForCausalLM
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
    except (SafetensorError, OSError, ValueError, RuntimeError, TypeError, LookupError, ImportError) as error:
        problem = f"its weights cannot be read ({type(error).__name__})"
        raise DataError(folder, problem, "name a run folder that training finished") from error
    missing = sorted(notes["missing_keys"])
    if missing:  # `transformers` would fill them in at random
        raise DataError(folder, f"lacks weights, {missing[0]} among them", "save the model anew")
    return _at_rest(network)


def _at_rest(network: Network) -> Network:
    nn.Module.eval(network)
    return channels_last(network)


def channels_last(network: Network) -> Network:
    """The same network with its convolutions laid out as they run fastest."""
    if not isinstance(network, LlamaForCausalLM):
        tower: Any = vision_tower(network)  # torch's annotations leave the layout out
        tower.to(memory_format=torch.channels_last)
    return network


def vision_tower(network: Network) -> nn.Module:
    """The vision encoder of a network that has one."""
    tower: nn.Module = network.model.vision_tower
    return tower


def pixel_values(pixels_BHW: Tensor) -> Tensor:
    """Grey pixels in [0, 1] as the encoder wants them: (B, 3, H, W), normalised."""
    normalised = ((pixels_BHW - PIXEL_MEAN) / PIXEL_STD)[:, None].expand(-1, 3, -1, -1)
    return normalised.contiguous(memory_format=torch.channels_last)


def see(tower: nn.Module, pixels_BHW: Tensor) -> Tensor:
    """A vision encoder's patch features, before the bridge: (B, P, D)."""
    return patches(see_stages(tower, pixels_BHW))


def patches(stages: tuple[Tensor, ...]) -> Tensor:
    """The last of an encoder's stages as patch features: (B, P, D)."""
    return stages[-1].flatten(2).transpose(1, 2)


def see_stages(tower: nn.Module, pixels_BHW: Tensor) -> tuple[Tensor, ...]:
    """What each stage of a vision encoder makes of an image, the finest first: (B, C, h, w) each."""
    out: Any = tower(pixel_values(pixels_BHW), output_hidden_states=True)
    stages: tuple[Tensor, ...] = out.hidden_states[1:]
    return stages


def embed(network: Network, ids_BT: Tensor, features_NPD: Tensor | None) -> Tensor:
    """Token embeddings with the bridged features of N images laid over their image tokens, in order."""
    embedded: Tensor = network.get_input_embeddings()(ids_BT)
    if features_NPD is None or not len(features_NPD):
        return embedded
    bridged = network.model.multi_modal_projector(features_NPD).to(embedded.dtype)
    places = (ids_BT == network.config.image_token_index)[..., None].expand_as(embedded)
    return embedded.masked_scatter(places, bridged)


def logits(network: Network, hidden: Tensor) -> Tensor:
    """What the language model's head makes of hidden states (…, width): (…, vocabulary)."""
    made: Tensor = network.lm_head(hidden)
    return made


def decoder(network: Network) -> nn.Module:
    """The language model without its head."""
    inner: nn.Module = (
        network.model if isinstance(network, LlamaForCausalLM) else network.model.language_model
    )
    return inner


def read(network: Network, ids_BT: Tensor, features_NPD: Tensor | None, **options: Any) -> Any:
    """Run the language model; `options` go to it (attention_mask, position_ids, past_key_values, …)."""
    return decoder(network)(inputs_embeds=embed(network, ids_BT, features_NPD), **options)
