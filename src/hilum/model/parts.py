"""A pretrained language model, an encoder and an image tokenizer put together into what a model is made of.

assembled = assemble(language, tokenizer, encoder=encoder, reads=Reads.FEATURES, writes=Writes.NOTHING)
"""

from __future__ import annotations

from typing import Any, NamedTuple

from transformers import PreTrainedModel

from hilum.errors import UsageError
from hilum.model.build import Bridge, VisionEncoder, extend_embeddings, join
from hilum.model.config import ModelConfig, Reads, Writes
from hilum.model.network import Network
from hilum.model.vocabulary import IMAGE, Vocabulary
from hilum.tokenizer import ImageTokenizer


class Assembled(NamedTuple):
    """A network, its vocabulary and its description, in the order of `Model`'s fields."""

    network: Network
    vocabulary: Vocabulary
    config: ModelConfig


def assemble(
    language: PreTrainedModel,
    tokenizer: Any,
    *,
    encoder: VisionEncoder | None = None,
    bridge: Bridge = Bridge.MLP,
    image_tokenizer: ImageTokenizer | None = None,
    reads: Reads = Reads.FEATURES,
    writes: Writes = Writes.CODES,
    layout: str | None = None,
    context: int | None = None,
    seed: int = 0,
    **bridge_options: Any,
) -> Assembled:
    """Extend the vocabulary and the embeddings, and join the encoder; see `Model.of_parts`.

    Raises:
        UsageError: a part is missing or does not fit the others.
    """
    if reads is Reads.CODES:
        encoder = None
    elif encoder is None:
        raise UsageError("vision", "is missing", "a model that reads features needs an encoder")
    coded = reads is not Reads.FEATURES or writes is Writes.CODES
    if coded and image_tokenizer is None:
        raise UsageError("image_tokenizer", "is missing", "a model that reads or writes codes needs one")
    if image_tokenizer is not None and coded:
        codes, rows = image_tokenizer.n_codes, image_tokenizer.config.grid
        vocabulary = Vocabulary.extend(tokenizer, n_codes=codes, rows=rows, layout=layout)
        extend_embeddings(language, vocabulary, image_tokenizer.code_vectors, seed)
    else:
        vocabulary = Vocabulary.extend(tokenizer, layout=layout)
        extend_embeddings(language, vocabulary)
    text = language.config
    sizes: dict[str, Any] = {
        "width": text.hidden_size,
        "depth": text.num_hidden_layers,
        "vocabulary_size": len(vocabulary),
        "context": min(context or text.max_position_embeddings, text.max_position_embeddings),
    }
    network = language
    if encoder is not None:
        image = vocabulary.id(IMAGE)
        joined = join(language, encoder, bridge, image_token=image, seed=seed, **bridge_options)
        network = joined.network
        sizes |= {
            "image_size": encoder.image_size,
            "image_tokens": joined.image_tokens,
            "image_features": joined.features,
            "vision_width": joined.feature_width,
            "pixel_mean": encoder.mean,
            "pixel_std": encoder.std,
        }
    elif image_tokenizer is not None:
        sizes |= {
            "image_size": image_tokenizer.config.image_size,
            "image_tokens": image_tokenizer.codes_per_image,
        }
    return Assembled(network, vocabulary, ModelConfig(reads, writes, **sizes))
