"""The model's description: two switches, the sizes, and how the encoder wants its images.

ModelConfig(reads=Reads.FEATURES, writes=Writes.CODES, width=192, depth=4)

LLM-CXR is codes/codes, CheXagent is features/none, Hilum is features/codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hilum.errors import UsageError
from hilum.prompts import VIEWS


class Reads(StrEnum):
    """How an image enters the model."""

    CODES = "codes"
    FEATURES = "features"
    BOTH = "both"


class Writes(StrEnum):
    """Whether an image can leave it."""

    CODES = "codes"
    NOTHING = "nothing"


_NARROWEST = 8
"""Channels of a stage. Of fewer, the backward pass of a strided 1×1 convolution writes past its memory on a
processor that has AVX2 and no AVX-512 (oneDNN 3.12, in torch 2.13)."""


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of one model; `width` and `depth` are the dials of a new one, the rest follows from them.

    Of a model made of given parts they are what those parts are.

    Args:
        image_size: side of the square image the encoder reads, in pixels.
        patch: side of the square of pixels that one feature stands for, 4, 8, 16 or 32; (image_size / patch)²
            features enter the text.
        vision_width: width of a feature; each earlier stage of the encoder is half as wide as the next, and 8
            at least.
        vision_depth: residual blocks of each stage.
        vocabulary_size: how many text tokens to learn; image codes come on top.
        context: the longest sequence, image included.
        views: most images of a study that a report is asked for with, as in the shards that the model learned
            from; see `hilum.prompts.report_views`.
        image_tokens: positions of one image in the text; 0 for one for each square of `patch` pixels.
        image_features: features that the encoder gives of one image; 0 for as many.
        pixel_mean, pixel_std: of each channel, by which pixels in [0, 1] are normalised.
    """

    reads: Reads = Reads.FEATURES
    writes: Writes = Writes.CODES
    image_size: int = 128
    patch: int = 16
    width: int = 192
    depth: int = 4
    vision_width: int = 128
    vision_depth: int = 1
    head: int = 32
    vocabulary_size: int = 1200
    context: int = 768
    views: int = VIEWS
    image_tokens: int = 0
    image_features: int = 0
    pixel_mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    pixel_std: tuple[float, ...] = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        for name in ("pixel_mean", "pixel_std"):  # a run folder's JSON has lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.views < 0:
            raise UsageError("views", f"is {self.views}", "give 0 or more")
        if self.image_tokens:  # given parts fit each other already
            return
        if self.image_size % self.patch:
            raise UsageError(
                "patch", f"{self.patch} does not divide image_size {self.image_size}", "pick a divisor"
            )
        if self.patch not in (4, 8, 16, 32):
            raise UsageError("patch", f"is {self.patch}", "pick 4, 8, 16 or 32")
        if self.width % self.head:
            raise UsageError("width", f"is not a multiple of head {self.head}", "pick a multiple")
        if self.vision_width % (self.patch // 4):
            raise UsageError(
                "vision_width",
                f"{self.vision_width} cannot be halved down to the first stage",
                "pick a multiple of patch / 4",
            )

    @property
    def vision_sizes(self) -> tuple[int, ...]:
        """Widths of the encoder's stages: the first keeps every fourth pixel, each next one half as many."""
        halvings = (self.patch // 4).bit_length() - 1
        earlier = (max(_NARROWEST, self.vision_width >> step) for step in range(halvings, 0, -1))
        return (*earlier, self.vision_width)

    @property
    def features_per_image(self) -> int:
        """How many feature positions one image takes in the text; 0 when only codes are read."""
        if not self.sees_features:
            return 0
        return self.image_tokens or (self.image_size // self.patch) ** 2

    @property
    def feature_shape(self) -> tuple[int, int]:
        """Features that the encoder gives of one image, and their width."""
        return self.image_features or self.features_per_image, self.vision_width

    @property
    def sees_features(self) -> bool:
        """Whether there is a vision encoder."""
        return self.reads is not Reads.CODES

    @property
    def needs_codes(self) -> bool:
        """Whether an image tokenizer is part of the model."""
        return self.reads is not Reads.FEATURES or self.writes is Writes.CODES
