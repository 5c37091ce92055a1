"""Training over several processes: each holds a share of the weights and reads batches of its own.

torchrun --nproc-per-node 8 --local-ranks-filter 0 -m hilum train chexagent --set together.accumulate=8

    with join() as world:
        with world.in_turn():
            ...  # what the first process makes, the others find made
        fit(objective, batches, config, run_dir, world=world)

The weights, their gradients and the optimiser's state are shared out by PyTorch's FSDP2 (`fully_shard`),
layer by layer. A step has `accumulate` batches whatever the number of processes, each of which takes its part
of them; sums and weights of the loss are added up over all. So one process and eight learn the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel

from hilum.errors import UsageError
from hilum.loss import Loss
from hilum.training.config import FitConfig, Objective

PATIENCE = timedelta(days=14)
"""The others wait for the first process while it builds shards; `torchrun` ends them all when one fails."""


@dataclass(frozen=True)
class World:
    """The processes of a run, and which of them this one is; alone, nothing here does anything.

    Args:
        rank: of this process, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """One process after another, so that what the first makes the others find made."""
        self._wait(self.rank)
        try:
            yield
        finally:
            self._wait(self.size - self.rank)

    def _wait(self, times: int) -> None:
        for _ in range(times if self.size > 1 else 0):
            dist.barrier()

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.size == 1:
            return tensor
        tensor = tensor.clone()
        dist.all_reduce(tensor)
        return tensor

    def parts(self, accumulate: int) -> Sequence[int]:
        """Which of the batches of a step this process takes."""
        return range(self.rank, accumulate, self.size)

    def require_parts(self, accumulate: int) -> None:
        """Refuse a step that cannot be shared out evenly.

        Raises:
            UsageError: its batches are no multiple of the processes.
        """
        if accumulate % self.size:
            problem = f"is {accumulate}, and {self.size} processes share the batches of a step"
            fitting = -(-accumulate // self.size) * self.size
            raise UsageError("accumulate", problem, f"give a multiple, such as {fitting}, or tokens_per_step")


ALONE = World()


@contextmanager
def join() -> Iterator[World]:
    """The processes that `torchrun` has started, this one among them; a process started alone is alone.

    With GPUs, each process takes the one of its local rank.
    """
    size = int(os.environ["WORLD_SIZE"]) if dist.is_torchelastic_launched() else 1
    if size == 1:
        yield ALONE
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group(timeout=PATIENCE)
    try:
        yield World(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()


class Sharded:
    """An objective whose network is shared out: a copy of it, whose weights go back when it has learned.

    Args:
        objective: its own network stays whole, and waits in main memory.
    """

    def __init__(self, objective: Objective, world: World, config: FitConfig, device: torch.device) -> None:
        self._whole = objective.module.cpu()
        self._objective = deepcopy(objective)
        self.name = objective.name
        self.module: nn.Module = self._objective.module.to(device)
        if isinstance(self.module, PreTrainedModel):
            # Else the way back ends a layer sooner where a batch has no image and only the bridge learns.
            self.module.enable_input_require_grads()  # type: ignore[no-untyped-call]  # transformers' own
        for parameter in self.module.parameters():
            # FSDP2 takes no other layout, such as a convolution's channels last.
            parameter.data = parameter.data.contiguous()
        self._root = _Root(self._objective)
        mesh = init_device_mesh(device.type, (world.size,))
        half = torch.bfloat16 if config.precision == "bfloat16-weights" else None
        policy = MixedPrecisionPolicy(param_dtype=half, reduce_dtype=torch.float32)
        for part in (*_layers(self.module), self._root):
            sharded: Any = fully_shard(part, mesh=mesh, mp_policy=policy)
            # The loss is divided already, by what was counted in all processes.
            sharded.set_gradient_divide_factor(1.0)
            sharded.set_force_sum_reduction_for_comms(enable=True)
            # A batch of text alone gives the bridge no gradient, while another process may have one for it.
            sharded.set_reduce_scatter_unused_params(reduce_scatter_unused_params=True)

    def loss(self, batch: Any) -> Loss:
        """The loss of one of this process's batches, its layers gathered as they are needed."""
        loss: Loss
        total, (loss,) = self._root(batch)
        return Loss(total, loss.weight, loss.metrics, loss.coefficient)

    @torch.no_grad()
    def give_back(self, names: Iterable[str], device: torch.device) -> None:
        """Let the whole network have the parameters that learned, and the first process's buffers."""
        learned, whole = dict(self.module.named_parameters()), dict(self._whole.named_parameters())
        for name in names:
            whole[name].copy_(gathered(learned[name]))
        buffers = dict(self._whole.named_buffers())
        for name, buffer in self.module.named_buffers():
            dist.broadcast(buffer, 0)
            buffers[name].copy_(buffer)
        self._whole.to(device)


class _Root(nn.Module):
    """What FSDP2 hooks into: gathers, before an objective is asked, what no layer holds."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.network, self._objective = objective.module, objective

    def forward(self, batch: Any) -> tuple[Tensor, list[Loss]]:
        loss = self._objective.loss(batch)
        return loss.sum, [loss]


def _layers(network: nn.Module) -> list[nn.Module]:
    """The parts that are gathered one after another: those `transformers` says are not to be split."""
    modules = list(network.modules())
    kinds = {kind for module in modules for kind in getattr(module, "_no_split_modules", None) or ()}
    return [module for module in modules if type(module).__name__ in kinds]


def gathered(tensor: Tensor) -> Tensor:
    """The whole of a tensor of which each process may hold a share; all must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shared_out(whole: Tensor, like: Tensor) -> Tensor:
    """A tensor that every process has whole, shared out as `like` is."""
    if not isinstance(like, DTensor):
        return whole
    here = whole.to(like.device).contiguous()
    return distribute_tensor(here, like.device_mesh, like.placements, src_data_rank=None)
