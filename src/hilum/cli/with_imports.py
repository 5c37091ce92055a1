"""The command that takes a network of another project in.

TokenizerImport(checkpoint=Path("vqgan.ckpt"), out=Path("llm-cxr-tokenizer")).run()
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from hilum.cli import inputs, show
from hilum.cli.command import Base
from hilum.cli.screen import Outcome


@dataclass(frozen=True, kw_only=True)
class TokenizerImport(Base):
    """Take a VQ-GAN of taming-transformers in as an image tokenizer, LLM-CXR's published one among them.

    A pickled checkpoint is read as tensors alone; no code in it is run. What is written holds safetensors.

    Example:
      hilum tokenizer-import vqgan_mimic-cxr-256-txvloss.ckpt --out llm-cxr-tokenizer
    """

    checkpoint: Annotated[Positional[Path], arg(metavar="CHECKPOINT")]
    """The weights of a VQModel: .safetensors, .ckpt, .pt or .pth."""
    out: Path
    """The folder to write: config.json and model.safetensors; one that Hilum wrote is replaced."""
    size: Annotated[int, arg(metavar="PX")] = 256
    """Height and width of the images it is to read, in pixels."""

    def run(self) -> Outcome:
        """Import it."""
        from hilum.tokenizer.codes import weights_hash
        from hilum.tokenizer.taming import import_taming

        inputs.at_least("--size", self.size)
        tokenizer = import_taming(self.checkpoint, self.out, side=self.size)
        document = {
            "out": str(self.out),
            "size": self.size,
            "n_codes": tokenizer.n_codes,
            "codes_per_image": tokenizer.codes_per_image,
            "weights": weights_hash(tokenizer),
        }
        codes = f"{tokenizer.codes_per_image} codes an image, each one of {tokenizer.n_codes:,}"
        return Outcome(document, show.lines(f"{codes}: {self.out}"))
