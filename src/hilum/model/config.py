"""The model's description: two switches and the sizes.

ModelConfig(reads=Reads.FEATURES, writes=Writes.CODES, width=192, depth=4)

LLM-CXR is codes/codes, CheXagent is features/none, Hilum is features/codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hilum.errors import UsageError


class Reads(StrEnum):
    """How an image enters the model."""

    CODES = "codes"
    FEATURES = "features"
    BOTH = "both"


class Writes(StrEnum):
    """Whether an image can leave it."""

    CODES = "codes"
    NOTHING = "nothing"


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of one model; `width` and `depth` are the dials, the rest follows from them.

    Args:
        image_size: side of the square image the encoder reads, in pixels.
        patch: side of an encoder patch, in pixels; (image_size / patch)² features enter the text.
        vocabulary_size: how many text tokens to learn; image codes come on top.
        context: the longest sequence, image included.
    """

    reads: Reads = Reads.FEATURES
    writes: Writes = Writes.CODES
    image_size: int = 128
    patch: int = 16
    width: int = 192
    depth: int = 4
    vision_width: int = 192
    vision_depth: int = 4
    head: int = 32
    vocabulary_size: int = 1200
    context: int = 768

    def __post_init__(self) -> None:
        if self.image_size % self.patch:
            raise UsageError(
                "patch", f"{self.patch} does not divide image_size {self.image_size}", "pick a divisor"
            )
        for name in ("width", "vision_width"):
            if getattr(self, name) % self.head:
                raise UsageError(name, f"is not a multiple of head {self.head}", "pick a multiple")

    @property
    def features_per_image(self) -> int:
        """How many feature positions one image takes in the text; 0 when only codes are read."""
        return (self.image_size // self.patch) ** 2 if self.sees_features else 0

    @property
    def sees_features(self) -> bool:
        """Whether there is a vision encoder."""
        return self.reads is not Reads.CODES

    @property
    def needs_codes(self) -> bool:
        """Whether an image tokenizer is part of the model."""
        return self.reads is not Reads.FEATURES or self.writes is Writes.CODES
