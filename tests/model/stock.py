"""Tiny language models and vision encoders of the field's architectures, with random weights."""

from __future__ import annotations

from functools import cache

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Blip2QFormerConfig,
    Blip2VisionConfig,
    Blip2VisionModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    ConvNextConfig,
    ConvNextModel,
    Dinov2Config,
    Dinov2Model,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PhiConfig,
    PhiForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    ResNetConfig,
    ResNetModel,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from hilum.model import VisionEncoder
from model.helpers import TEXTS

SIZE = 32
_TEXT = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 320,
}
_GROUPED = {**_TEXT, "num_key_value_heads": 2, "head_dim": 8}
LANGUAGES = {
    "gpt_neox": lambda n: GPTNeoXForCausalLM(GPTNeoXConfig(vocab_size=n, **_TEXT)),
    "llama": lambda n: LlamaForCausalLM(LlamaConfig(vocab_size=n, tie_word_embeddings=True, **_GROUPED)),
    "mistral": lambda n: MistralForCausalLM(MistralConfig(vocab_size=n, sliding_window=64, **_GROUPED)),
    "phi": lambda n: PhiForCausalLM(PhiConfig(vocab_size=n, **_TEXT)),
    "qwen3": lambda n: Qwen3ForCausalLM(Qwen3Config(vocab_size=n, **_GROUPED)),
    "gemma3": lambda n: Gemma3ForCausalLM(
        Gemma3TextConfig(vocab_size=n, sliding_window=48, query_pre_attn_scalar=8, **_GROUPED)
    ),
}
LAYOUTS = {
    "gpt_neox": "dolly",
    "llama": "llama3",
    "mistral": "mistral",
    "phi": "phi",
    "qwen3": "chatml",
    "gemma3": "gemma",
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": SIZE,
    "patch_size": 8,
}
_RESNET = {
    "embedding_size": 8,
    "hidden_sizes": [8, 16],
    "depths": [1, 1],
    "layer_type": "basic",
}
ENCODERS = {
    "siglip": lambda: SiglipVisionModel(SiglipVisionConfig(**VISION)),
    "clip": lambda: CLIPVisionModel(CLIPVisionConfig(**VISION)),
    "dinov2": lambda: Dinov2Model(
        Dinov2Config(**{k: v for k, v in VISION.items() if k != "intermediate_size"})
    ),
    "resnet": lambda: ResNetModel(ResNetConfig(**_RESNET)),
    "convnext": lambda: ConvNextModel(ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2)),
    "blip2": lambda: Blip2VisionModel(Blip2VisionConfig(**VISION)),
}
QFORMER = {
    "queries": 4,
    "qformer": Blip2QFormerConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, vocab_size=8
    ),
}
MEANS = {
    "clip": ((0.48, 0.46, 0.41), (0.27, 0.26, 0.28)),
    "dinov2": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@cache
def _learned() -> str:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=340, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(TEXTS * 8, trainer)
    return str(bpe.to_str())


def tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer that is not ours: digits one by one, no control token, no chat template."""
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(_learned()))


def language(name: str, seed: int = 0) -> PreTrainedModel:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LANGUAGES[name](len(tokenizer())).eval()


def encoder(name: str, seed: int = 0) -> VisionEncoder:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tower = ENCODERS[name]().eval()
    mean, std = MEANS.get(name, ((0.5,) * 3, (0.5,) * 3))
    return VisionEncoder(tower, SIZE, mean, std)
