"""The weights of a stage: as the network holds them, and as the optimiser moves them.

with TrainedWeights(module, names, in_bfloat16=True) as weights:
    optimizer(weights.moved, config)

In bfloat16 a weight has eight bits, fewer than a step of 1e-3 of it needs: such a step would be rounded away.
So the network holds its matrices in bfloat16 while float32 copies of those that learn are moved, and given
back after every step (mixed precision as of Micikevicius et al., ICLR 2018). Vectors, such as norms and
biases, weigh little and stay in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

import torch
from torch import Tensor, nn


class TrainedWeights:
    """Inside the block the matrices are held in bfloat16, where that is asked for; after it in float32 again.

    Args:
        module: the network, where it is to be trained.
        names: of the parameters that learn.

    Attributes:
        held: the parameters that learn, by name, as the network holds them.
        moved: what the optimiser moves and a checkpoint keeps, by name: float32 copies, or the parameters
            themselves. Gradients arrive there.
    """

    def __init__(self, module: nn.Module, names: Sequence[str], *, in_bfloat16: bool = False) -> None:
        parameters = dict(module.named_parameters())
        self.held = {name: parameters[name] for name in names}
        self.moved: dict[str, Tensor] = dict(self.held)
        self._matrices = {n: p for n, p in parameters.items() if p.ndim > 1 and p.dtype is torch.float32}
        self._exact: dict[str, Tensor] = {}
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        if not in_bfloat16:
            self._matrices = {}

    def __enter__(self) -> TrainedWeights:
        for name, matrix in self._matrices.items():
            learns = name in self.held
            # What does not learn is put back as it was; until then it need not fill the device.
            exact = matrix.detach().clone() if learns else matrix.detach().cpu()
            matrix.data = matrix.data.bfloat16()
            self._exact[name] = exact
            if learns:
                self.moved[name] = exact
                hook = matrix.register_post_accumulate_grad_hook(_handed_on(exact))  # type: ignore[no-untyped-call]  # torch's own
                self._hooks.append(hook)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        for name, matrix in self._matrices.items():
            matrix.data = self._exact[name].to(matrix.device)

    @torch.no_grad()
    def give_back(self) -> None:
        """Let the network hold what was moved."""
        for name in self._matrices.keys() & self.held.keys():
            self.held[name].copy_(self.moved[name])


def _handed_on(exact: Tensor) -> Callable[[Tensor], None]:
    """Adds a gradient to that of the float32 copy, as soon as it is there."""

    def hand_on(matrix: Tensor) -> None:
        assert matrix.grad is not None
        gradient, matrix.grad = matrix.grad.float(), None
        exact.grad = gradient if exact.grad is None else exact.grad.add_(gradient)

    return hand_on
