"""One model with two switches: how it reads images and whether it writes them.

model = hilum.load("quickstart")
[[answer]] = model.answer([Prompt(messages, images)])
"""

from hilum.model.answer import NOTICE, Answer, Answerer, Caveats, Concern, Flag, Prompt, WrittenReport
from hilum.model.build import Bridge, VisionEncoder
from hilum.model.config import ModelConfig, Reads, Writes
from hilum.model.encode import encode
from hilum.model.model import Model
from hilum.model.vocabulary import Vocabulary

__all__ = [
    "NOTICE",
    "Answer",
    "Answerer",
    "Bridge",
    "Caveats",
    "Concern",
    "Flag",
    "Model",
    "ModelConfig",
    "Prompt",
    "Reads",
    "VisionEncoder",
    "Vocabulary",
    "Writes",
    "WrittenReport",
    "encode",
]
