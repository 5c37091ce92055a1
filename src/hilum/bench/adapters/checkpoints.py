"""A checkpoint of `transformers` by path or name; Python that comes with it runs by explicit word alone.

model = load(AutoModelForCausalLM, "folder", trust_remote_code=False, dtype="auto")
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hilum.errors import DataError, HilumError, UsageError


def load(kind: Any, source: str, *, trust_remote_code: bool, **options: Any) -> Any:
    """What `kind.from_pretrained` gives, on the GPU where there is one.

    Args:
        kind: an Auto class of `transformers`.

    Raises:
        UsageError: the checkpoint asks to run its own Python and `trust_remote_code` is False.
        DataError: it is missing, damaged, or its own Python does not run here.
    """
    try:
        found = kind.from_pretrained(source, trust_remote_code=trust_remote_code, **options)
    except Exception as error:  # the checkpoint's own code may raise anything
        raise _told(source, error, trust_remote_code) from error
    if not isinstance(found, nn.Module):
        return found
    return found.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def _told(source: str, error: Exception, trusted: bool) -> HilumError:
    words = " ".join(str(error).split()) or type(error).__name__
    if "trust_remote_code" in words and not trusted:
        remedy = "pass trust_remote_code=True if you have read it and trust its author"
        return UsageError(source, "asks to run Python that comes with the model", remedy)
    return DataError(
        source, f"cannot be loaded ({words[:300]})", "name a folder or a model of the Hugging Face hub"
    )
