"""Networks to begin with: small ones from random weights, or a text model and a vision encoder joined.

build_network(ModelConfig(), vocabulary)                # FastVlmForConditionalGeneration or LlamaForCausalLM
join(language, encoder, Bridge.MLP, image_token=49152)  # LlavaForConditionalGeneration and its kin

The small encoder is a ResNet: from random weights and some thousand images a convolutional network learns to
see findings several times sooner than a vision transformer does.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2QFormerConfig,
    FastVlmConfig,
    FastVlmForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedConfig,
    PreTrainedModel,
    ResNetConfig,
    ResNetModel,
)

from hilum.errors import UsageError
from hilum.model.config import ModelConfig
from hilum.model.network import (
    PIXEL_MEAN,
    PIXEL_STD,
    Network,
    at_rest,
    decoder,
    head,
    see,
    vision_tower,
)
from hilum.model.vocabulary import END, IMAGE, PAD, Vocabulary

ALIKE = 0.95
"""How much of an image code's first embedding follows from its vector; the rest is its own."""
_NO_CLASS_TOKEN = ("siglip_vision_model", "siglip2_vision_model", "siglip", "siglip2")
"""Vision transformers whose hidden states are patches alone."""


class Bridge(StrEnum):
    """What stands between a vision encoder and a language model."""

    MLP = "mlp"
    """Two layers, each feature by itself."""
    QFORMER = "qformer"
    """A fixed number of learned queries that attend to the features (BLIP-2, arXiv 2301.12597)."""


@dataclass(frozen=True)
class VisionEncoder:
    """A vision encoder and how it wants its images.

    Args:
        tower: a `transformers` vision model; for a Q-Former a `Blip2VisionModel`.
        image_size: side of the square it reads, in pixels.
        mean, std: of each channel, by which pixels in [0, 1] are normalised.
    """

    tower: PreTrainedModel
    image_size: int
    mean: tuple[float, ...] = PIXEL_MEAN
    std: tuple[float, ...] = PIXEL_STD

    @property
    def kind(self) -> str:
        """The encoder's model type, as `transformers` names it."""
        return str(self.tower.config.model_type)

    @property
    def is_convolutional(self) -> bool:
        """Whether it keeps a map of places (ResNet, ConvNeXt) instead of a row of patches."""
        return hasattr(self.tower.config, "hidden_sizes") and hasattr(self.tower.config, "depths")


def feature_width(config: Any) -> int:
    """The width of a vision encoder's features, by its configuration."""
    width = getattr(config, "hidden_size", None)
    return int(config.hidden_sizes[-1] if width is None else width)


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
            return at_rest(LlamaForCausalLM(text))
        joined = FastVlmConfig(
            vision_config=_tower_config(config),
            text_config=text,
            image_token_index=vocabulary.id(IMAGE),
            image_seq_length=config.features_per_image,
            tie_word_embeddings=True,
        )
        return at_rest(_padded(FastVlmForConditionalGeneration(joined), text))


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


def build_tower(config: ModelConfig, seed: int = 0) -> PreTrainedModel:
    """A vision encoder alone, with random weights that depend on `seed`."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tower: Any = ResNetModel(_tower_config(config))
    made: PreTrainedModel = tower.to(memory_format=torch.channels_last)
    return made


def start_codes(network: Network, first_code: int, vectors_KC: Tensor, seed: int = 0) -> None:
    """Start the embeddings of image codes from the codes' own vectors, so that like codes begin alike.

    A code's embedding is a random quadratic form of its vector, of the size that other tokens' random
    embeddings have. A network that starts so reaches the same loss on images several times sooner.

    Args:
        vectors_KC: vectors of the image tokenizer's codes, in order.
    """
    table: Any = network.get_input_embeddings().weight
    mixed = _forms(vectors_KC, table.shape[1], seed)
    with torch.no_grad():
        rows = table[first_code : first_code + len(mixed)]
        rows.copy_((1 - ALIKE**2) ** 0.5 * rows + ALIKE * rows.std() * mixed.to(rows))


def _forms(vectors_KC: Tensor, width: int, seed: int) -> Tensor:
    """Random quadratic forms of vectors, each about of variance 1: (K, width)."""
    standard = (vectors_KC - vectors_KC.mean(0)) / vectors_KC.std(0)
    first, second = torch.triu_indices(standard.shape[1], standard.shape[1])
    terms = torch.cat([standard, standard[:, first] * standard[:, second]], 1)
    terms = (terms - terms.mean(0)) / terms.std(0).clamp(min=1e-6)
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(terms.shape[1], width, generator=generator)
    made: Tensor = terms @ directions / terms.shape[1] ** 0.5
    return made


@torch.no_grad()
def extend_embeddings(
    language: PreTrainedModel, vocabulary: Vocabulary, vectors_KC: Tensor | None = None, seed: int = 0
) -> None:
    """Give a language model a row for every token that `Vocabulary.extend` added.

    A new row starts from the mean of the rows there were, an image code's beside it by its own vector (see
    `start_codes`), as far as the other rows lie from their mean. The head's new rows are the mean.

    Args:
        vectors_KC: vectors of the image tokenizer's codes, in order.
    """
    whole: Any = language  # its annotations know neither tables nor their rows
    rows = len(whole.get_input_embeddings().weight)
    # A layout's tokens come before Hilum's own: the resizing leaves whatever has no row yet to chance.
    first = min(rows, vocabulary.id(IMAGE))
    needed = max(len(vocabulary), rows)
    whole.resize_token_embeddings(needed, mean_resizing=False)
    of_head: Any = head(language)
    tables = {id(t): t for t in (whole.get_input_embeddings().weight, of_head.weight)}
    for table in tables.values():
        table[first:] = table[:first].mean(0)
    if vectors_KC is not None and vocabulary.n_codes:
        table = whole.get_input_embeddings().weight
        codes = slice(vocabulary.first_code, vocabulary.first_code + vocabulary.n_codes)
        table[codes] += table[:first].std() * _forms(vectors_KC, table.shape[1], seed).to(table)
    language.config.eos_token_id = vocabulary.id(END)
    language.config.pad_token_id = vocabulary.id(PAD)


@dataclass(frozen=True)
class Joined:
    """A network of given parts, and what its run folder has to say of it."""

    network: Network
    image_tokens: int
    features: int
    feature_width: int


def join(
    language: PreTrainedModel,
    encoder: VisionEncoder,
    kind: Bridge = Bridge.MLP,
    *,
    image_token: int,
    queries: int = 32,
    qformer: Blip2QFormerConfig | None = None,
    seed: int = 0,
) -> Joined:
    """A language model given sight: the stock network that holds both, their weights kept, a new bridge.

    Args:
        language: a causal language model whose embeddings already know the image token.
        image_token: id of the token that an image's positions are made of.
        queries: positions of an image behind a Q-Former.
        qformer: its sizes; BLIP-2's own when None.
        seed: of the bridge's weights.

    Raises:
        UsageError: the language model's head has a bias, or the encoder is BLIP-2's, neither of which LLaVA
            can hold, or a Q-Former is asked to read another encoder than BLIP-2's.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if kind is Bridge.QFORMER:
            network = _with_qformer(language, encoder, image_token, queries, qformer)
        else:
            network = _with_mlp(language, encoder, image_token)
    _adopt(network, language, encoder)
    with torch.no_grad():
        side = encoder.image_size
        seen = see(network, torch.zeros(1, 3, side, side))
    count = queries if kind is Bridge.QFORMER else seen.shape[1]
    network.config.image_seq_length = count
    return Joined(at_rest(network), count, seen.shape[1], seen.shape[2])


def _with_mlp(language: PreTrainedModel, encoder: VisionEncoder, image_token: int) -> Network:
    """A FastVLM or a LLaVA of the parts' sizes, its weights still random."""
    bias = getattr(head(language), "bias", None)
    if bias is not None and bool(bias.any()):
        raise UsageError("text", "has a bias in its head, which LLaVA cannot hold", "use a Q-Former (BLIP-2)")
    if encoder.kind == "blip_2_vision_model":
        raise UsageError("vision", "is BLIP-2's, which LLaVA cannot hold", "use a Q-Former (bridge=qformer)")
    shared = _shared(language, encoder, image_token)
    if encoder.is_convolutional:
        vision = copy.deepcopy(encoder.tower.config)
        vision.hidden_size = feature_width(vision)  # where FastVLM's bridge looks for it
        fast: Any = FastVlmConfig
        network = FastVlmForConditionalGeneration(fast(**shared | {"vision_config": vision}))
        return _padded(network, language.config)
    made: Any = LlavaConfig
    config = made(
        **shared,
        # LLaVA's own choice for CLIP, whose last layer is shaped by its contrastive loss alone.
        vision_feature_layer=-2 if encoder.kind.startswith("clip") else -1,
        vision_feature_select_strategy="full" if encoder.kind in _NO_CLASS_TOKEN else "default",
    )
    return _padded(LlavaForConditionalGeneration(config), language.config)


def _with_qformer(
    language: PreTrainedModel,
    encoder: VisionEncoder,
    image_token: int,
    queries: int,
    qformer: Blip2QFormerConfig | None,
) -> Network:
    """A BLIP-2 of the parts' sizes, its weights still random."""
    if encoder.kind != "blip_2_vision_model":
        raise UsageError("vision", f"is {encoder.kind}", "a Q-Former reads BLIP-2's own encoder")
    vision: Any = encoder.tower.config
    sizes = qformer or Blip2QFormerConfig()
    sizes.encoder_hidden_size = vision.hidden_size
    made: Any = Blip2Config
    config = made(**_shared(language, encoder, image_token), qformer_config=sizes, num_query_tokens=queries)
    network = Blip2ForConditionalGeneration(config)
    network.query_tokens.data.normal_(std=config.initializer_range)
    return _padded(network, language.config)


def _shared(language: PreTrainedModel, encoder: VisionEncoder, image_token: int) -> dict[str, Any]:
    return {
        "vision_config": encoder.tower.config,
        "text_config": language.config,
        "image_token_index": image_token,
        "tie_word_embeddings": bool(getattr(language.config, "tie_word_embeddings", False)),
    }


def _padded(network: Network, text: PreTrainedConfig) -> Network:
    network.config.pad_token_id = text.pad_token_id
    return network


@torch.no_grad()
def _adopt(network: Network, language: PreTrainedModel, encoder: VisionEncoder) -> None:
    """Copy the parts' weights into the network that holds both."""
    decoder(network).load_state_dict(decoder(language).state_dict())
    vision_tower(network).load_state_dict(encoder.tower.state_dict())
    into, own = head(network), head(language)
    for name, weight in own.named_parameters():
        if hasattr(into, name) and getattr(into, name) is not None:
            getattr(into, name).copy_(weight)
