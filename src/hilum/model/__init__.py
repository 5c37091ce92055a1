"""One model with two switches: how it reads images and whether it writes them.

model = hilum.load("quickstart")
[[answer]] = model.answer([Prompt(messages, images)])
"""

from hilum.model.answer import Answer, Answerer, Prompt
from hilum.model.config import ModelConfig, Reads, Writes
from hilum.model.encode import encode
from hilum.model.model import Model
from hilum.model.vocabulary import Vocabulary

__all__ = ["Answer", "Answerer", "Model", "ModelConfig", "Prompt", "Reads", "Vocabulary", "Writes", "encode"]
