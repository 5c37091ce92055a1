r"""Which weights move, and what moves them: AdamW, and Muon for the matrices it is asked for.

names = select(module, (r"projector\..*",))
together = optimizer({name: module.get_parameter(name) for name in names}, config)
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hilum.errors import UsageError
from hilum.training.config import FitConfig
from hilum.training.distributed import gathered, shared_out


def select(module: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Names of the parameters to train: those a pattern matches in full and nobody froze before.

    Raises:
        UsageError: a pattern matches nothing, so that a part meant to learn would silently not.
    """
    names = [name for name, p in module.named_parameters() if p.requires_grad]
    chosen: set[str] = set()
    for pattern in patterns:
        matched = {name for name in names if re.fullmatch(pattern, name)}
        if not matched:
            raise UsageError(
                "trainable",
                f"{pattern!r} matches none of {len(names)} parameters",
                f"names look like {names[0]!r}" if names else "the module has no parameters to train",
            )
        chosen |= matched
    if not chosen:
        raise UsageError("trainable", "is empty", "give at least one pattern")
    return [name for name in names if name in chosen]


@contextmanager
def only_training(module: nn.Module, names: Iterable[str]) -> Iterator[None]:
    """Inside the block only `names` ask for gradients and the module is in training mode."""
    chosen = set(names)
    before = {name: p.requires_grad for name, p in module.named_parameters()}
    was_training = module.training
    for name, p in module.named_parameters():
        p.requires_grad_(name in chosen)
    module.train()
    try:
        yield
    finally:
        for name, p in module.named_parameters():
            p.requires_grad_(before[name])
            p.grad = None
        module.train(was_training)


@contextmanager
def checkpointed_activations(module: nn.Module, *, on: bool) -> Iterator[None]:
    """With `on`, decoder layers of a `transformers` model compute their activations twice inside the block.

    Raises:
        UsageError: the module is no `transformers` model.
    """
    if not on:
        yield
        return
    # The later name is that of transformers 5.23 and after, which warn of the earlier.
    kind = "activation" if hasattr(module, "activation_checkpointing_enable") else "gradient"
    enable = getattr(module, f"{kind}_checkpointing_enable", None)
    if enable is None:
        raise UsageError(
            "checkpoint_activations", f"is not possible for a {type(module).__name__}", "leave it out"
        )
    enable({"use_reentrant": False})
    try:
        yield
    finally:
        getattr(module, f"{kind}_checkpointing_disable")()


class CombinedOptimizer:
    """Two optimisers as one: AdamW first, then Muon, each over weights of its own.

    AdamW counts its steps and Muon does not: a step broken off between the two shows in AdamW's count.
    """

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self._parts = parts

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of both."""
        return [group for part in self._parts for group in part.param_groups]

    def state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        """What is remembered of a weight; what is put in stays."""
        owner = next(part for part in self._parts if any(p is parameter for p in _weights(part)))
        state: dict[str, Tensor] = owner.state[parameter]
        return state

    def counts(self) -> set[int]:
        """The numbers of steps that the weights with a count have made."""
        return {int(s["step"]) for part in self._parts for s in part.state.values() if "step" in s}

    def step(self) -> None:
        """Move every weight that has a gradient."""
        for part in self._parts:
            part.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self._parts:
            part.zero_grad(set_to_none=True)


TOGETHER = 2**24
"""Elements of the matrices that Muon makes orthogonal at once: large ones need no company."""


class BatchedMuon(torch.optim.Muon):
    """`torch.optim.Muon`, which makes matrices of one shape orthogonal together.

    One matrix after another keeps neither a GPU nor a second core busy: a batch of nano's 28 takes
    half the time (`python benchmarks/train_step.py`).
    """

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            alike: defaultdict[tuple[int, ...], list[Tensor]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    alike[tuple(sorted(matrix.shape))].append(matrix)
            for shape, matrices in alike.items():
                count = max(1, TOGETHER // math.prod(shape))
                for start in range(0, len(matrices), count):
                    self._move(matrices[start : start + count], group)

    def _move(self, matrices: Sequence[Tensor], group: Mapping[str, Any]) -> None:
        """One step of matrices of one shape, some of them transposed."""
        wanted = []
        for matrix in matrices:
            assert matrix.grad is not None
            momentum = self.state[matrix].setdefault("momentum_buffer", torch.zeros_like(matrix.grad))
            momentum.lerp_(matrix.grad, 1 - group["momentum"])
            update = matrix.grad.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum
            update = gathered(update)  # only a whole matrix can be made orthogonal
            wanted.append(update.T if len(update) > len(update.T) else update)
        orthogonal = _orthogonal(
            torch.stack(wanted).bfloat16(), group["ns_coefficients"], group["ns_steps"], group["eps"]
        )
        # As large as AdamW's steps (Liu et al., arXiv 2502.16982).
        scale = 0.2 * math.sqrt(max(matrices[0].shape))
        for matrix, update in zip(matrices, orthogonal, strict=True):
            matrix.mul_(1 - group["lr"] * group["weight_decay"])
            update = update.T if update.shape != matrix.shape else update
            matrix.add_(shared_out(update, matrix), alpha=-group["lr"] * scale)


def _orthogonal(matrices_KMN: Tensor, coefficients: Sequence[float], steps: int, eps: float) -> Tensor:
    """The nearest orthogonal matrices, nearly, by Newton and Schulz's iteration (Jordan et al., 2024)."""
    a, b, c = coefficients
    norms_K11 = torch.linalg.matrix_norm(matrices_KMN, keepdim=True)
    matrices_KMN = matrices_KMN / norms_K11.clamp(min=eps)
    for _ in range(steps):
        gram_KMM = torch.bmm(matrices_KMN, matrices_KMN.mT)
        gram_KMM = torch.baddbmm(gram_KMM, gram_KMM, gram_KMM, beta=b, alpha=c)
        matrices_KMN = torch.baddbmm(matrices_KMN, gram_KMM, matrices_KMN, beta=a)
    return matrices_KMN


def _weights(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def optimizer(weights: Mapping[str, Tensor], config: FitConfig) -> CombinedOptimizer:
    """AdamW for all weights, given by name, but the matrices that `config.muon` names, which Muon moves.

    AdamW: decoupled weight decay (Loshchilov & Hutter, ICLR 2019), none on one-dimensional weights.
    Muon: the momentum of a matrix is made orthogonal before it is taken (Jordan et al., 2024), scaled so that
    AdamW's learning rate suits it (Liu et al., arXiv 2502.16982).
    """
    matrices = [n for n, w in weights.items() if w.ndim == 2 and any(re.fullmatch(m, n) for m in config.muon)]
    chosen = [weight for name, weight in weights.items() if name not in set(matrices)]
    groups = [
        {"params": [p for p in chosen if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in chosen if p.ndim <= 1], "weight_decay": 0.0},
    ]
    parts: list[torch.optim.Optimizer] = []
    if chosen:
        parts.append(
            torch.optim.AdamW(
                [group for group in groups if group["params"]],
                lr=config.lr,
                betas=config.betas,
                fused=all(p.device.type in ("cpu", "cuda") for p in chosen),
            )
        )
    if matrices:
        parts.append(
            BatchedMuon([weights[name] for name in matrices], lr=config.lr, weight_decay=config.weight_decay)
        )
    return CombinedOptimizer(*parts)
