"""What the image tokenizer is trained for: the terms of `losses`, its quantiser's own, and an adversary's.

fit(TokenizerObjective(Training(tokenizer), terms), batches, FitConfig(steps=700, lr=1.5e-3), run_dir)
fit(TokenizerObjective(Training(tokenizer, adversary=32), terms, start=500), …, frozen=True)

Two stages, because codes that keep findings and a decoder that paints well are two tasks: the codes are
taught with the clinical term, then the decoder alone, on codes that stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from hilum.loss import Loss, Mean
from hilum.tokenizer.adversary import PatchGAN, adaptive_weight
from hilum.tokenizer.losses import Term, edge_error, pixel_error
from hilum.tokenizer.network import ImageTokenizer


class Training(nn.Module):
    """All that moves or is kept while a tokenizer is trained.

    Args:
        adversary: width of the network that tells films from reconstructions; 0 for none.
        decay: of the moving average of the decoder's weights; 0 for none.
    """

    step: Tensor

    def __init__(self, tokenizer: ImageTokenizer, *, adversary: int = 0, decay: float = 0.0) -> None:
        super().__init__()
        self.tokenizer, self.decay = tokenizer, decay
        self.adversary = PatchGAN(adversary) if adversary else None
        self.register_buffer("step", torch.zeros((), dtype=torch.long))
        self._steps: int | None = None
        for name, weight in tokenizer.decoder.named_parameters() if decay else ():
            self.register_buffer(_average(name), weight.detach().clone())

    @torch.no_grad()
    def count(self) -> int:
        """Note that a batch has begun: the averages follow the weights that the batches before it gave.

        Returns:
            How many have; the device is asked once, after which nothing waits for it.
        """
        self.step += 1
        self._steps = int(self.step) if self._steps is None else self._steps + 1
        if self.decay:
            # With one fixed share the average would hold the random start for long.
            share = (10 / (10 + self.step)).clamp(min=1 - self.decay)
            for name, weight in self.tokenizer.decoder.named_parameters():
                getattr(self, _average(name)).lerp_(weight.float(), share)
        return self._steps

    @torch.no_grad()
    def averaged(self) -> ImageTokenizer:
        """A copy of the tokenizer, in evaluation mode, whose decoder has the averaged weights."""
        tokenizer = deepcopy(self.tokenizer)
        if self.decay:
            for name, weight in tokenizer.decoder.named_parameters():
                weight.copy_(getattr(self, _average(name)))
        return tokenizer.eval().requires_grad_(True)


def _average(name: str) -> str:
    return "average_" + name.replace(".", "_")


def reconstruction_terms() -> dict[str, Term]:
    """Pixels and edges alike."""
    return {"pixel": Term(pixel_error), "edge": Term(edge_error)}


@dataclass
class TokenizerObjective:
    """The weighted sum of the terms, each a mean over the images of a batch.

    Args:
        adversarial_weight: of the adversary, beside the weight that makes it pull on the last layer as the
            other terms do together.
        start: batches before the adversary begins, so that it judges pictures and not noise.
        frozen: the codes stay as they are, the decoder alone learns.
    """

    module: Training
    terms: Mapping[str, Term] = field(default_factory=reconstruction_terms)
    adversarial_weight: float = 0.0
    start: int = 0
    frozen: bool = False
    name: str = "tokenizer"

    def loss(self, batch: Tensor) -> Loss:
        """Sum over the images of a batch (B, H, W) in [0, 1]."""
        step = self.module.count()
        tokenizer = self.module.tokenizer
        pixels = batch.to(tokenizer.last_layer.device)
        if self.frozen:
            with torch.no_grad():
                found = tokenizer.quantize(pixels)
            restored = tokenizer.paint(found.vectors)
        else:
            restored, found = tokenizer(pixels)
        errors = {name: term.error(restored, pixels) for name, term in self.terms.items()}
        loss = torch.stack([self.terms[name].weight * error for name, error in errors.items()]).sum()
        if found.loss.requires_grad:
            errors["quantizer"] = found.loss
            loss = loss + found.loss
        if self.module.adversary is not None and step > self.start:
            fooled = self.module.adversary.fooled(restored)
            weight = self.adversarial_weight * adaptive_weight(loss, fooled, tokenizer.last_layer)
            errors |= {"fooled": fooled, "hinge": self.module.adversary.hinge(restored, pixels)}
            loss = loss + weight * fooled + errors["hinge"]
        images = len(pixels)
        means = {name: Mean(images * error.detach(), images) for name, error in errors.items()}
        return Loss(images * loss, loss.new_tensor(images), {"samples": images, **means})
