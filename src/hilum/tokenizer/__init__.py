"""Images to codes and back.

tokenizer = ImageTokenizer.from_pretrained("quickstart/tokenizer")
codes = tokenizer.encode(pixels_BHW)
"""

from hilum.tokenizer.codes import code_usage, encode_images, fidelity
from hilum.tokenizer.network import ImageTokenizer, TokenizerConfig
from hilum.tokenizer.objective import TokenizerObjective, Training
from hilum.tokenizer.quantizers import FSQ, IBQ, LFQ, VQ, Quantized, Quantizer
from hilum.tokenizer.taming import import_taming
from hilum.tokenizer.vqgan import VqganSizes

__all__ = [
    "FSQ",
    "IBQ",
    "LFQ",
    "VQ",
    "ImageTokenizer",
    "Quantized",
    "Quantizer",
    "TokenizerConfig",
    "TokenizerObjective",
    "Training",
    "VqganSizes",
    "code_usage",
    "encode_images",
    "fidelity",
    "import_taming",
]
