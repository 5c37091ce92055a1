"""Images to codes and back.

tokenizer = ImageTokenizer.from_pretrained("quickstart/tokenizer")
codes = tokenizer.encode(pixels_BHW)
"""

from hilum.tokenizer.codes import code_usage, encode_images, fidelity
from hilum.tokenizer.fsq import FSQ
from hilum.tokenizer.network import ImageTokenizer, TokenizerConfig
from hilum.tokenizer.objective import TokenizerObjective

__all__ = [
    "FSQ",
    "ImageTokenizer",
    "TokenizerConfig",
    "TokenizerObjective",
    "code_usage",
    "encode_images",
    "fidelity",
]
