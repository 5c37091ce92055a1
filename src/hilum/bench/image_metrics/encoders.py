"""What turns pictures into features that sets of them are compared by.

encode = own_encoder(model)                       # Hilum's own encoder
encode = pretrained_encoder("microsoft/rad-dino") # any transformers vision encoder, by folder or hub name
features_ND = features(pixels, encode)

Distances in the features of two encoders are not comparable, so results name theirs. Shape suffixes: B
pictures of a batch, N pictures, D features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch

from hilum.bench.image_metrics.sets import Pictures
from hilum.bench.intervals import Array
from hilum.extras import extra, weights_of
from hilum.images import fit
from hilum.images.duplicates import Signature, signature
from hilum.model import Model
from hilum.model.network import pixel_values
from hilum.model.pretrained import load_encoder
from hilum.study import Pixels

BATCH = 32
_EXTRA = "pip install 'hilum[metrics]'"


@dataclass(frozen=True)
class Encoder:
    """Pictures of any sizes to features.

    Args:
        name: printed beside every figure.
        encode: pictures, (H, W) in [0, 1] each, to (B, D).
    """

    name: str
    encode: Callable[[Sequence[Pixels]], Array]


def features(pictures: Iterable[Pixels], encoder: Encoder, *, batch: int = BATCH) -> Array:
    """Features of pictures that may be read one at a time: (N, D); (0, 0) of none."""
    coming = iter(pictures)
    parts = []
    while part := list(islice(coming, batch)):
        parts.append(encoder.encode(part))
    return np.concatenate(parts) if parts else np.zeros((0, 0))


def pictures_of(pixels: Iterable[Pixels], patients: Sequence[str], encoder: Encoder) -> Pictures:
    """Features and signatures of pictures that are read once, one at a time."""
    signatures: list[Signature] = []

    def signed() -> Iterator[Pixels]:
        for one in pixels:
            signatures.append(signature(one))
            yield one

    seen = features(signed(), encoder)
    return Pictures(seen, patients, np.stack(signatures) if signatures else None)


def own_encoder(model: Model) -> Encoder:
    """A Hilum model's encoder, averaged over places; its image tokenizer where it reads codes alone."""

    def encode(pictures: Sequence[Pixels]) -> Array:
        values = torch.stack([model.prepare(pixels) for pixels in pictures])
        return _array(model.pooled_features(values))

    return Encoder(f"hilum {model.weights_hash()[:12]}", encode)


def pretrained_encoder(name: str) -> Encoder:
    """A vision encoder of `transformers`, such as RadDINO (`microsoft/rad-dino`), CLIP or SigLIP.

    Its pooled output where it has one, else the mean over places.

    Args:
        name: a folder, or a name on the Hugging Face hub.

    Raises:
        UsageError, DataError: there is no such encoder, or it needs code of its own.
    """
    loaded = load_encoder(name)
    tower: Any = loaded.tower

    @torch.inference_mode()
    def encode(pictures: Sequence[Pixels]) -> Array:
        out = tower(pixel_values(_squares(pictures, loaded.image_size), loaded.mean, loaded.std))
        pooled = getattr(out, "pooler_output", None)
        return _array(out.last_hidden_state.mean(1) if pooled is None else pooled.flatten(1))

    return Encoder(name, encode)


def torchxrayvision_encoder(weights: str = "densenet121-res224-all") -> Encoder:
    """A DenseNet of torchxrayvision, trained on several public sets of chest radiographs.

    Raises:
        UsageError: torchxrayvision is not installed.
        DataError: its weights cannot be loaded.
    """
    library = extra("torchxrayvision", _EXTRA)
    network: Any = weights_of("torchxrayvision", lambda: library.models.DenseNet(weights=weights).eval())

    @torch.inference_mode()
    def encode(pictures: Sequence[Pixels]) -> Array:
        # Its networks read values from -1024 to 1024.
        return _array(network.features2((_squares(pictures, 224)[:, None] * 2 - 1) * 1024))

    return Encoder(f"torchxrayvision {weights}", encode)


def inception_encoder() -> Encoder:
    """Inception v3 as in FID: only to compare with figures that others published.

    It was trained on photographs, and says little of radiographs.

    Raises:
        UsageError: torch-fidelity is not installed.
        DataError: its weights cannot be loaded.
    """
    module = extra("torch_fidelity.feature_extractor_inceptionv3", _EXTRA, "torch-fidelity")
    network: Any = weights_of(
        "torch-fidelity",
        lambda: module.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"]).eval(),
    )

    @torch.inference_mode()
    def encode(pictures: Sequence[Pixels]) -> Array:
        grey = (_squares(pictures, 299) * 255).round().to(torch.uint8)
        return _array(network(grey[:, None].repeat(1, 3, 1, 1))[0])

    return Encoder("inception-v3-compat", encode)


def _squares(pictures: Sequence[Pixels], side: int) -> torch.Tensor:
    """Fitted to squares of one size: (B, side, side)."""
    return torch.from_numpy(np.stack([fit(pixels, side) for pixels in pictures]).astype(np.float32))


def _array(values: torch.Tensor) -> Array:
    return np.asarray(values.detach().cpu().numpy(), np.float64)
