"""Devices that this machine lacks: tensors without values that know where they lie, and refuse to mix."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode


def on(mode: FakeTensorMode, tensor: Tensor, device: str) -> Tensor:
    """A tensor of the same shape on a device that need not be there."""
    return FakeTensor(mode, tensor.detach().to("meta"), torch.device(device))


def put_on(mode: FakeTensorMode, module: nn.Module, device: str) -> None:
    """Move a module to a device that need not be there, in place."""
    for part in module.modules():
        for name, weight in part._parameters.items():
            if weight is not None:
                part._parameters[name] = nn.Parameter(on(mode, weight, device), requires_grad=False)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = on(mode, buffer, device)
