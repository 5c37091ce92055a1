"""The weights of a stage: as the network holds them, and as the optimiser moves them.

with trained_weights(module, names, in_bfloat16=True) as weights:
    optimizer(weights.moved, config)

In bfloat16 a weight has eight bits, fewer than a step of 1e-3 of it needs: such a step would be rounded away.
So the network holds its matrices in bfloat16 while float32 copies of those that learn are moved, and given
back after every step (mixed precision as of Micikevicius et al., ICLR 2018). Vectors, such as norms and
biases, weigh little and stay in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TrainedWeights:
    """The parameters that learn, by name.

    Args:
        held: as the network holds them.
        moved: as the optimiser moves them and a checkpoint keeps them, where their gradients arrive: float32
            copies, or the parameters themselves.
    """

    held: dict[str, nn.Parameter]
    moved: dict[str, Tensor]

    @torch.no_grad()
    def give_back(self) -> None:
        """Let the network hold what was moved."""
        for name, moved in self.moved.items():
            if moved is not self.held[name]:
                self.held[name].copy_(moved)


@contextmanager
def trained_weights(
    module: nn.Module, names: Sequence[str], *, in_bfloat16: bool = False
) -> Iterator[TrainedWeights]:
    """Inside the block the matrices are held in bfloat16, where that is asked for; after it in float32 again.

    Args:
        module: the network, where it is to be trained.
        names: of the parameters that learn.
    """
    parameters = dict(module.named_parameters())
    held = {name: parameters[name] for name in names}
    moved: dict[str, Tensor] = dict(held)
    exact: dict[str, Tensor] = {}
    hooks = []
    for name, matrix in parameters.items():
        if not in_bfloat16 or matrix.ndim < 2 or matrix.dtype is not torch.float32:
            continue
        if name in held:
            exact[name] = moved[name] = matrix.detach().clone()
            hook = matrix.register_post_accumulate_grad_hook(_handed_on(exact[name]))  # type: ignore[no-untyped-call]  # torch's own
            hooks.append(hook)
        else:  # put back as it was; until then it need not fill the device
            exact[name] = matrix.detach().cpu()
        matrix.data = matrix.data.bfloat16()
    try:
        yield TrainedWeights(held, moved)
    finally:
        for hook in hooks:
            hook.remove()
        for name, values in exact.items():
            parameters[name].data = values.to(parameters[name].device)


def _handed_on(exact: Tensor) -> Callable[[Tensor], None]:
    """Adds a gradient to that of the float32 copy, as soon as it is there."""

    def hand_on(matrix: Tensor) -> None:
        assert matrix.grad is not None
        gradient, matrix.grad = matrix.grad.float(), None
        exact.grad = gradient if exact.grad is None else exact.grad.add_(gradient)

    return hand_on
