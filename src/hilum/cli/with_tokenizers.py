"""The commands of image tokenizers: tokenize, tokenizer-import.

Tokenize(images=(Path("films"),), run_folder=Path("quickstart"), out=Path("codes")).run()
TokenizerImport(checkpoint=Path("vqgan.ckpt"), out=Path("llm-cxr-tokenizer")).run()
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from hilum.cli import inputs, pictures, show
from hilum.cli.command import Base, Images
from hilum.cli.screen import Outcome


@dataclass(frozen=True, kw_only=True)
class Tokenize(Base):
    """Turn images into the codes of a run's image tokenizer, and show what comes back of them.

    A folder is searched for DICOM, PNG and JPEG files. What cannot be read has its reason in its row, and the
    exit status is then 3. Stopped, it goes on when given again, and more images may be added.

    Example:
      hilum tokenize chest.png --run quickstart --out codes
      hilum tokenize films --run llm-cxr-tokenizer --out codes --format jsonl --codes-only
    """

    images: Images = field(metadata={"at_least": 1})
    """Images, or folders that are searched for them."""
    run_folder: Annotated[Path, arg(name="run", metavar="RUN")]
    """A run folder, a model, or a folder that holds an image tokenizer alone."""
    out: Annotated[Path, arg(metavar="DIR")]
    """The folder to write: codes.jsonl, codes.parquet, pictures/, tokenizer.json."""
    format: Literal["parquet", "jsonl"] = "parquet"
    """jsonl: no Parquet file of the same beside the JSON lines."""
    codes_only: bool = False
    """Write no pictures of what comes back; there is one for each image."""
    force: bool = False
    """Also read what its header says is not a chest radiograph."""

    def run(self) -> Outcome:
        """Tokenize."""
        from hilum.recipes.tokenize import tokenize_files

        tally = tokenize_files(
            self.run_folder,
            self.images,
            self.out,
            parquet=self.format == "parquet",
            show=None if self.codes_only else pictures.write_restored,
            force=self.force,
        )
        found = {"psnr_db": tally.psnr, "ssim": tally.ssim} if tally.tokenized else {}
        document = {
            "out": str(self.out),
            "tokenized": tally.tokenized,
            "failed": tally.failed,
            "tokenized_before": tally.before,
            **found,
        }
        lines = [f"{tally.tokenized} tokenized: {self.out}"]
        if tally.before:
            lines.append(f"{tally.before} were tokenized before")
        if tally.tokenized:
            lines.append(f"what comes back: PSNR {tally.psnr:.1f} dB, SSIM {tally.ssim:.3f} on average")
        if tally.failed:
            lines.append(f"{tally.failed} could not be read; their rows say why")
        return Outcome(document, show.lines(*lines), status=3 if tally.failed else 0)


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
