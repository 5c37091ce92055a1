"""What plain `transformers` needs beside the weights: how a film becomes numbers, and what may be written.

save_processor(folder, vocabulary, config, Fit.CROP)
AutoProcessor.from_pretrained(folder), AutoModelForImageTextToText.from_pretrained(folder)

Hilum itself reads none of it back. `docs/transformers.md` shows it at work where Hilum is not installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import CLIPImageProcessorPil, GenerationConfig, LlavaProcessor
from transformers.image_utils import PILImageResampling

from hilum.images import Fit
from hilum.model.config import ModelConfig, Reads
from hilum.model.engine import Sampling
from hilum.model.vocabulary import BOX, BOXED, END, IMAGE, PAD, Vocabulary


def save_processor(folder: Path, vocabulary: Vocabulary, config: ModelConfig, fit: Fit) -> None:
    """Write the tokenizer, the generation's defaults and, where features alone are read, the image processor.

    A model that reads codes has no processor: its images go through Hilum's own image tokenizer.
    """
    generation_config(vocabulary).save_pretrained(folder)
    if config.reads is not Reads.FEATURES:
        vocabulary.tokenizer.save_pretrained(folder)
        return
    llava: Any = LlavaProcessor  # of FastVLM too; untyped
    processor = llava(
        image_processor(config, fit),
        vocabulary.tokenizer,
        # It counts an image's positions as (side / patch size)² and those it has besides.
        patch_size=config.image_size,
        num_additional_image_tokens=config.features_per_image - 1,
        vision_feature_select_strategy="full",
        image_token=IMAGE,
        chat_template=vocabulary.tokenizer.chat_template,
    )
    processor.save_pretrained(folder)


def image_processor(config: ModelConfig, fit: Fit) -> CLIPImageProcessorPil:
    """The standard steps from a film to the encoder's input.

    None of them averages by area, so the resize is only near to `hilum.images.fit`; none pads to the centre,
    so that a model of `Fit.PAD` has to be given squares of its own size.
    """
    side, crops = config.image_size, fit is Fit.CROP
    return CLIPImageProcessorPil(
        do_resize=crops,
        do_center_crop=crops,
        size={"shortest_edge": side},
        crop_size={"height": side, "width": side},
        resample=PILImageResampling.BILINEAR,
        image_mean=list(config.pixel_mean),
        image_std=list(config.pixel_std),
    )


def generation_config(vocabulary: Vocabulary) -> GenerationConfig:
    """Greedy, as long as `Model.answer` lets an answer be, in words and boxes alone."""
    allowed = {*vocabulary.text_ids, *(vocabulary.id(token) for token in (BOX, BOXED, END))}
    made: Any = GenerationConfig  # untyped
    config: GenerationConfig = made(
        do_sample=False,
        max_new_tokens=Sampling().max_new_tokens,
        pad_token_id=vocabulary.id(PAD),
        eos_token_id=vocabulary.id(END),
        suppress_tokens=[i for i in range(len(vocabulary)) if i not in allowed],
    )
    return config
