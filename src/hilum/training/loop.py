"""The one training loop: every stage, whatever it minimises, runs through `fit`.

    result = fit(objective, batches, FitConfig(steps=1000, lr=1e-3), Path("run/stage"))

Batches are a pure function of their number and every step seeds its own randomness, so a run that was
killed goes on from its newest whole checkpoint to weights bit-identical to an uninterrupted run's.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from hilum.errors import DataError, UsageError
from hilum.files import only_writer, sweep
from hilum.loss import Loss, Mean, Metrics, nonzero
from hilum.training import checkpoint as store
from hilum.training.batches import Prefetch
from hilum.training.config import Batches, FitConfig, Objective
from hilum.training.distributed import ALONE, Sharded, World, gathered, shared_out
from hilum.training.log import HISTORY, Bar, History
from hilum.training.memory import keep_memory
from hilum.training.optimizer import checkpointed_activations, only_training, optimizer, select
from hilum.training.weights import TrainedWeights, trained_weights


@dataclass(frozen=True)
class FitResult:
    """What a finished stage leaves: steps done, the last logged metrics, its history and time spent."""

    steps: int
    metrics: dict[str, float]
    history: Path
    seconds: float


class _Meter:
    """Weighted means and rates of counts since it was last read; until then all stays on the device."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._means: dict[str, Mean] = {}
        self._counts: dict[str, int] = {}
        self._since = time.monotonic()

    def add(self, metrics: Metrics) -> None:
        for name, value in metrics.items():
            if isinstance(value, Mean):
                known = self._means.get(name)
                self._means[name] = (
                    value if known is None else Mean(known.sum + value.sum, known.weight + value.weight)
                )
            else:
                self._counts[name] = self._counts.get(name, 0) + value

    def read(self) -> tuple[dict[str, float], dict[str, float]]:
        sums = torch.stack([m.sum.float() for m in self._means.values()])
        weights = torch.stack([torch.as_tensor(m.weight).to(sums) for m in self._means.values()])
        pairs = zip(self._means, self._world.sum(torch.stack([sums, weights], 1)).tolist(), strict=True)
        means = {name: total / weight for name, (total, weight) in pairs if weight}
        elapsed = max(1e-9, time.monotonic() - self._since)
        counts = self._world.sum(torch.tensor([*self._counts.values()], device=sums.device)).tolist()
        rates = {f"{name}/s": count / elapsed for name, count in zip(self._counts, counts, strict=True)}
        self._means, self._counts, self._since = {}, {}, time.monotonic()
        return means, rates


class _State:
    """The moving parts of a run, and how they go to and from a checkpoint."""

    def __init__(
        self,
        objective: Objective,
        weights: TrainedWeights,
        config: FitConfig,
        fingerprint: str | None,
        world: World,
    ) -> None:
        self.module, self.weights, self.config, self.world = objective.module, weights, config, world
        self.moved = weights.moved
        self.optimizer = optimizer(self.moved, config)
        self.binding = {"objective": objective.name, "data": fingerprint, **config.binding()}
        self.step = 0
        self._name = objective.name
        self._broken: Tensor | None = None

    def note(self, loss: Tensor, norm: Tensor) -> None:
        """Remember on the device the first step, its loss and its norm, that is not finite."""
        step = torch.full_like(loss, self.step, dtype=torch.float32)
        row = torch.stack([step, loss.float(), norm.float()])
        row = torch.where(row.isfinite().all(), 0.0, row)
        self._broken = row if self._broken is None else torch.where(self._broken[0] > 0, self._broken, row)

    def problem(self) -> str | None:
        """What was not finite first; waits for the device."""
        step, loss, norm = self._broken.tolist() if self._broken is not None else (0, 0, 0)
        if not step:
            return None
        what = f"gradient's norm is {norm}" if math.isfinite(loss) else f"loss is {loss}"
        return f"the {what} at step {int(step)}"

    def require_finite(self) -> None:
        """Raise when a step's loss or gradient was not finite: the weights are spoiled since then."""
        problem = self.problem()
        if problem:
            raise DataError(self._name, problem, "lower the learning rate")

    def save(self, folder: Path) -> None:
        self.require_finite()
        model = whole_tensors((*self.moved.items(), *self.module.named_buffers()), self.world)
        moments = whole_tensors(
            (
                (f"{name}/{key}", value)
                for name, p in self.moved.items()
                for key, value in self.optimizer.state_of(p).items()
            ),
            self.world,
        )
        if self.world.first:
            state = {"binding": self.binding}
            store.save(folder, store.Checkpoint(self.step, model, moments, state), keep=self.config.keep)

    def restore(self, folder: Path) -> None:
        """Go on from the newest whole checkpoint, if there is one."""
        saved = store.newest(folder)
        if saved is None:
            if store.steps(folder):
                raise DataError(folder, "holds only damaged checkpoints", "delete the folder to start over")
            return
        _require_same(self.binding, saved.state["binding"], folder)
        targets: dict[str, Tensor] = {**self.moved, **dict(self.module.named_buffers())}
        mine = {name: tuple(tensor.shape) for name, tensor in targets.items()}
        if mine != {name: tuple(tensor.shape) for name, tensor in saved.model.items()}:
            raise UsageError(folder, "was trained with another network", "choose another run folder")
        with torch.no_grad():
            for name, tensor in saved.model.items():
                targets[name].copy_(shared_out(tensor, targets[name]))
        self.weights.give_back()
        for key, tensor in saved.optimizer.items():
            name, _, quantity = key.rpartition("/")
            parameter = self.moved[name]
            # The fused optimiser walks weight and moments side by side in memory: a moment must lie as
            # its weight does (channels last, for a convolution), which a file does not remember.
            if tensor.shape == parameter.shape:
                tensor = torch.empty_like(parameter).copy_(shared_out(tensor, parameter))
            self.optimizer.state_of(parameter)[quantity] = tensor.to(parameter.device)
        self.step = saved.step


def whole_tensors(named: Iterable[tuple[str, Tensor]], world: World) -> dict[str, Tensor]:
    """Copies of whole tensors in main memory, as a checkpoint holds them; all processes must ask.

    The first process alone keeps them: those of one machine share its memory.
    """
    found = {}
    for name, tensor in named:
        whole = gathered(tensor.detach())
        if world.first:
            found[name] = whole.cpu().contiguous().clone()
    return found


def _require_same(mine: dict[str, Any], saved: dict[str, Any], folder: Path) -> None:
    for name, value in mine.items():
        if saved.get(name) != value:
            raise UsageError(
                folder,
                f"was trained with {name}={saved.get(name)!r}, this run has {value!r}",
                "choose another run folder, or give the same settings to resume",
            )


def fit(
    objective: Objective,
    batches: Batches,
    config: FitConfig,
    run_dir: Path,
    *,
    progress: bool = True,
    world: World = ALONE,
) -> FitResult:
    """Train `objective.module` in place; resumes by itself when `run_dir` holds this run's checkpoints.

    Args:
        batches: batch number → batch; see `Batches`.
        run_dir: gets `checkpoints/`, `history.jsonl` and `tensorboard/`.
        progress: show a bar on stderr.
        world: the processes that train together, all of which call this; `run_dir` is seen by all.

    Raises:
        UsageError: `run_dir` holds a run with other settings, objective or data, or a history that Hilum
            did not write, or another process trains in it; or the batches of a step are no multiple of the
            processes.
        DataError: the loss is not finite, the disk is full, or no checkpoint is whole.
        KeyboardInterrupt: passed on after a checkpoint was written, by a process that trains alone.
    """
    started = time.monotonic()
    world.require_parts(config.accumulate)
    keep_memory()
    with only_writer(run_dir) if world.first else nullcontext(), _ahead(batches, config, world) as ahead:
        metrics = _resume_and_train(objective, ahead, config, run_dir, world, progress)
    return FitResult(config.steps, metrics, run_dir / HISTORY, time.monotonic() - started)


def _ahead(batches: Batches, config: FitConfig, world: World) -> AbstractContextManager[Batches]:
    """The batches, each made while a GPU works on the one before.

    A processor has no core to spare for that: a thread with a team of its own beside the step's slows both.
    """
    if _device(config).type == "cpu":
        return nullcontext(batches)
    return closing(Prefetch(batches, world.size))


def _resume_and_train(
    objective: Objective, batches: Batches, config: FitConfig, run_dir: Path, world: World, progress: bool
) -> dict[str, float]:
    folder = run_dir / "checkpoints"
    if world.first:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
    names = select(objective.module, config.trainable)
    # What is shared out is gathered in bfloat16 and kept in float32: see `Sharded`.
    in_bfloat16 = config.precision == "bfloat16-weights" and world.size == 1
    with (
        torch.random.fork_rng(_cuda_devices(config)),
        _shared_out(objective, names, config, world) as objective,
        only_training(objective.module, names),
        checkpointed_activations(objective.module, on=config.checkpoint_activations),
        trained_weights(objective.module, names, in_bfloat16=in_bfloat16) as weights,
    ):
        state = _State(objective, weights, config, getattr(batches, "fingerprint", None), world)
        with world.in_turn():
            state.restore(folder)
        history = History(run_dir, after_step=state.step) if world.first else None
        try:
            with _saved_on_interrupt(state, folder):
                return _train(objective, batches, state, history, folder, progress)
        finally:
            if history is not None:
                history.close()
            # A fused optimiser writes past autograd's count, by which others know that weights have changed.
            increment_version(list(weights.held.values()))


@contextmanager
def _shared_out(
    objective: Objective, names: Sequence[str], config: FitConfig, world: World
) -> Iterator[Objective]:
    """The objective on its device; over several processes one that is shared out, till the block ends."""
    device = _device(config)
    if world.size == 1:
        objective.module.to(device)
        yield objective
        return
    shared = Sharded(objective, world, config, device)
    yield shared
    shared.give_back(names, device)


def _train(
    objective: Objective,
    batches: Batches,
    state: _State,
    history: History | None,
    folder: Path,
    progress: bool,
) -> dict[str, float]:
    config, meter = state.config, _Meter(state.world)
    means: dict[str, float] = {}
    with Bar(config.steps, state.step, config.description, show=progress and state.world.first) as bar:
        while state.step < config.steps:
            _step(objective, batches, state, meter)
            last = state.step == config.steps
            if last or state.step % config.log_every == 0:
                state.require_finite()
                means, rates = meter.read()
                if history is not None:
                    history.add(state.step, {**means, **rates, "lr": config.lr_at(state.step - 1)})
                bar.update(state.step, means["loss"], rates)
            if last or (config.checkpoint_every and state.step % config.checkpoint_every == 0):
                state.save(folder)
    return means


def _step(objective: Objective, batches: Batches, state: _State, meter: _Meter) -> None:
    """One optimiser step; nothing in it waits for the device."""
    config = state.config
    torch.manual_seed((config.seed * 1_000_003 + state.step + (state.world.rank << 40)) % 2**63)
    for group in state.optimizer.param_groups:
        group["lr"] = config.lr_at(state.step)
    value = _backward(objective, batches, state, meter)
    parameters = [p for p in state.moved.values() if p.grad is not None]
    norm = gathered(torch.nn.utils.clip_grad_norm_(parameters, config.clip or float("inf")))
    state.optimizer.step()
    state.optimizer.zero_grad()
    state.weights.give_back()
    state.step += 1
    state.note(value, norm)
    meter.add({"loss": Mean(value, 1), "grad_norm": Mean(norm, 1)})


def _backward(objective: Objective, batches: Batches, state: _State, meter: _Meter) -> Tensor:
    """Give each parameter the gradient of the step's loss over all of its batches; returns that loss."""
    config, world = state.config, state.world
    gradients = _Gradients(state.moved.values(), world)
    parts = world.parts(config.accumulate)
    for part in parts:
        with _autocast(config):
            loss = objective.loss(batches(state.step * config.accumulate + part))
        meter.add(loss.metrics)
        if len(parts) == 1:
            value = replace(loss, weight=world.sum(loss.weight)).mean()
            torch.autograd.backward(value)
            return world.sum(value.detach())
        gradients.add(loss)
    return gradients.divide()


class _Gradients:
    """Gradients of the sums of several batches, added up and then divided once by the summed weights.

    Terms that are counted by different things keep gradients of their own until their weights are known.
    """

    def __init__(self, parameters: Iterable[Tensor], world: World) -> None:
        self._parameters, self._world = list(parameters), world
        self._terms: list[list[Tensor | None]] = []
        self._losses: list[Loss] = []

    def add(self, loss: Loss) -> None:
        """Add the gradients of one batch."""
        terms = loss.sum.reshape(-1)
        self._terms = self._terms or [[None] * len(self._parameters) for _ in terms]
        for k, term in enumerate(terms):
            for p, gradient in zip(self._parameters, self._terms[k], strict=True):
                p.grad = gradient
            if term.requires_grad:
                torch.autograd.backward(term, retain_graph=k + 1 < len(terms))
            self._terms[k] = [p.grad for p in self._parameters]
        self._losses.append(replace(loss, sum=loss.sum.detach()))

    def divide(self) -> Tensor:
        """Give each parameter the gradient of the loss of all; returns that loss."""
        sums, weights = (
            self._world.sum(torch.stack([getattr(part, name) for part in self._losses]).sum(0))
            for name in ("sum", "weight")
        )
        whole = replace(self._losses[0], sum=sums, weight=weights)
        scales_K = (whole.coefficient / nonzero(weights)).reshape(-1)
        for p, *gradients in zip(self._parameters, *self._terms, strict=True):
            means = [g.mul_(scale) for g, scale in zip(gradients, scales_K, strict=True) if g is not None]
            p.grad = functools.reduce(Tensor.add_, means) if means else None
        return whole.mean()


@contextmanager
def _saved_on_interrupt(state: _State, folder: Path) -> Iterator[None]:
    """Ctrl-C between two steps keeps the work; inside a step the weights are still those of the last."""
    done = state.step
    try:
        yield
    except KeyboardInterrupt:
        # The others may be elsewhere in the step, and a checkpoint takes all.
        whole = state.world.size == 1 and state.optimizer.counts() <= {state.step}
        if state.step > done and whole and state.problem() is None:
            state.save(folder)
        raise


def _autocast(config: FitConfig) -> AbstractContextManager[Any]:
    device = _device(config)
    if config.precision == "float32" or (config.precision == "auto" and not multiplies_bfloat16(device)):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


@functools.cache
def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16; one that has none imitates them, and slowly."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def _device(config: FitConfig) -> torch.device:
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(config.device)


def _cuda_devices(config: FitConfig) -> list[torch.device]:
    """The GPUs whose random state a run touches."""
    device = _device(config)
    return [device] if device.type == "cuda" else []
