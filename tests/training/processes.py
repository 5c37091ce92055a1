"""What each of several processes does in `test_distributed.py`, which compares it with one process alone.

torchrun --nproc-per-node 2 -m training.processes FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from hilum.model import Reads, Writes
from hilum.training import FitConfig, Lora, fit, fit_lora
from hilum.training.distributed import ALONE, Sharded, World, join
from hilum.training.examples import TextBatch
from hilum.training.objectives import NextToken
from model.helpers import tiny
from training.helpers import weights
from training.test_objectives import uneven_batches

CONFIG = FitConfig(steps=4, lr=1e-3, warmup=1, log_every=1, accumulate=4, checkpoint_every=2)
MUON = replace(CONFIG, muon=(r".*layers\..*",))
LORA = Lora(rank=2, alpha=8)
BRIDGE = (r".*multi_modal_projector.*",)


def objective() -> NextToken:
    return NextToken(tiny(Reads.FEATURES, Writes.CODES), code_weight=0.5, length_exponent=0.5)


def trained(folder: Path, config: FitConfig = CONFIG, world: World = ALONE) -> dict[str, Tensor]:
    """The weights after training."""
    made = objective()
    batches = uneven_batches(made.model)
    fit(made, lambda k: batches[k % 4], config, folder, progress=False, world=world)
    return weights(made.module)


def adapted(folder: Path, world: World = ALONE) -> dict[str, Tensor]:
    """The weights after training an adapter, and the bridge beside it."""
    made = objective()
    batches = uneven_batches(made.model)
    config = replace(CONFIG, trainable=BRIDGE)
    fit_lora(made, lambda k: batches[k % 4], config, folder, LORA, progress=False, world=world)
    return weights(made.module)


def resumed(folder: Path, world: World = ALONE) -> dict[str, Tensor]:
    """The weights after a run that broke off behind its first checkpoint, and went on."""
    batches = uneven_batches(objective().model)

    def broken(number: int) -> TextBatch:
        if number >= 12:
            raise InterruptedError
        return batches[number % 4]

    try:
        fit(objective(), broken, CONFIG, folder, progress=False, world=world)
    except InterruptedError:
        return trained(folder, world=world)
    raise AssertionError("it did not break off")


def share(world: World) -> list[int]:
    """How many weights this process holds, and how many there are."""
    sharded = Sharded(objective(), world, CONFIG, torch.device("cpu"))
    held: list[Tensor] = [p.to_local() for p in sharded.module.parameters()]  # type: ignore[operator]
    return [sum(p.numel() for p in held), sum(p.numel() for p in sharded.module.parameters())]


def main(out: Path) -> None:
    """Do all of it, and leave the weights that each process ends with."""
    half = replace(CONFIG, precision="bfloat16-weights")
    runs: dict[str, Callable[[World], dict[str, Tensor]]] = {
        "float32": lambda world: trained(out / "float32", world=world),
        "muon": lambda world: trained(out / "muon", MUON, world),
        "bfloat16": lambda world: trained(out / "bfloat16", half, world),
        "adapted": lambda world: adapted(out / "adapted", world),
        "resumed": lambda world: resumed(out / "resumed", world),
    }
    with join() as world:
        for name, run in runs.items():
            save_file(run(world), out / f"{name}-{world.rank}.safetensors")
        (out / f"share-{world.rank}.json").write_text(json.dumps(share(world)))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
