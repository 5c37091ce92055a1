"""Any model by what a person types for it.

adapter = open_adapter("quickstart")                                     # a Hilum run
adapter = open_adapter("hf:llava-hf/llava-1.5-7b-hf")
adapter = open_adapter("endpoint:http://127.0.0.1:8000/v1#my-model")
"""

from __future__ import annotations

from pathlib import Path

from hilum.bench.adapters.base import Adapter
from hilum.endpoint import KEY_VARIABLE
from hilum.errors import UsageError

KINDS = (
    "a run folder, hf:PATH_OR_ID, chexagent:PATH_OR_ID, llm-cxr:PATH, endpoint:URL#MODEL, or "
    "python:MODULE:FUNCTION"
)


def open_adapter(text: str, *, trust_remote_code: bool = False, key_variable: str = KEY_VARIABLE) -> Adapter:
    """The model that a text names; see `KINDS`.

    Args:
        trust_remote_code: run Python that comes with a checkpoint; only `hf:` and `chexagent:` ever do.
        key_variable: the environment variable that holds an endpoint's key.

    Raises:
        UsageError: it names none, or the model needs what was not allowed.
        DataError: the model is missing or damaged.
    """
    # Each kind is imported when it is named: together they need every library there is.
    kind, _, rest = text.partition(":")
    match kind if rest else "":
        case "hf":
            from hilum.bench.adapters.transformers_model import TransformersModel

            return TransformersModel.load(rest, trust_remote_code=trust_remote_code)
        case "chexagent":
            from hilum.bench.adapters.chexagent import CheXagent

            return CheXagent.load(rest, trust_remote_code=trust_remote_code)
        case "llm-cxr":
            from hilum.bench.adapters.llm_cxr import LlmCxr

            return LlmCxr.load(Path(rest))
        case "endpoint":
            from hilum.bench.adapters.endpoint import Endpoint

            return Endpoint.named(rest, key_variable=key_variable)
        case "python":
            from hilum.bench.adapters.function import named

            return named(rest)
    if text and Path(text).is_dir():
        from hilum import load
        from hilum.bench.adapters.hilum_run import HilumRun

        return HilumRun(load(text))
    raise UsageError(text, "names no model", f"give {KINDS}")
