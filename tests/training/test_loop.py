"""The loop: schedule, clipping, staged freezing, accumulation, the logs, bad numbers."""

from __future__ import annotations

import json
import math
from contextlib import closing
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from hilum.errors import DataError, UsageError
from hilum.files import only_writer
from hilum.loss import Loss, Mean
from hilum.model import Reads, Writes, encode
from hilum.study import Message, Text
from hilum.training import FitConfig, fit, loop
from hilum.training import checkpoint as store
from hilum.training.batches import Prefetch
from hilum.training.distributed import ALONE
from hilum.training.examples import collate
from hilum.training.log import Bar, read_history
from hilum.training.objectives import NextToken
from model.helpers import tiny
from training.helpers import Squares, assert_accumulation_is_one_batch, equal, points, weights

CONFIG = FitConfig(steps=20, lr=1e-2, warmup=4, log_every=1, checkpoint_every=0)


@given(
    steps=st.integers(1, 400),
    warmup=st.integers(0, 100),
    final=st.floats(0, 1),
    lr=st.floats(1e-6, 1.0),
)
def test_the_rate_rises_to_its_peak_and_falls_along_a_cosine(steps, warmup, final, lr) -> None:
    config = FitConfig(steps=steps, lr=lr, warmup=warmup, final_lr=final)
    rates = [config.lr_at(step) for step in range(steps)]
    assert all(0 <= rate <= lr * (1 + 1e-9) for rate in rates)
    rising, falling = rates[:warmup], rates[warmup:]
    assert rising == sorted(rising)
    assert all(a >= b - 1e-12 for a, b in pairwise(falling))
    if len(falling) > 1:
        assert falling[0] == pytest.approx(lr)
        assert falling[-1] == pytest.approx(lr * final, abs=1e-12)
        middle = (len(falling) - 1) / 2
        if middle.is_integer():
            assert falling[int(middle)] == pytest.approx(lr * (1 + final) / 2)


@pytest.mark.parametrize(("device", "in_line"), [("cpu", True), ("cuda", False)])
def test_batches_are_made_ahead_of_a_gpu_and_in_line_on_a_processor(device, in_line) -> None:
    with loop._ahead(points, replace(CONFIG, device=device), ALONE) as batches:
        assert (batches is points) is in_line
        assert all(map(torch.equal, batches(3), points(3)))


def test_batches_made_ahead_train_to_the_same_weights(tmp_path) -> None:
    config = replace(CONFIG, accumulate=2)
    in_line, ahead = Squares(), Squares()
    fit(in_line, points, config, tmp_path / "a", progress=False)
    with closing(Prefetch(points)) as batches:
        fit(ahead, batches, config, tmp_path / "b", progress=False)
    assert equal(weights(in_line.module), weights(ahead.module))


def test_the_loop_uses_that_rate_and_the_loss_falls(tmp_path) -> None:
    result = fit(Squares(), points, replace(CONFIG, steps=60), tmp_path, progress=False)
    rows = read_history(result.history)
    config = replace(CONFIG, steps=60)
    assert [row["lr"] for row in rows] == [config.lr_at(step) for step in range(60)]
    assert rows[-1]["loss"] < 0.6 * rows[0]["loss"]
    assert result.steps == 60
    assert result.metrics["loss"] == rows[-1]["loss"]
    assert rows[-1]["samples/s"] > 0


def test_one_step_is_adamw_s_own(tmp_path) -> None:
    """Against `torch.optim.AdamW` driven by hand, with decay on the matrices alone."""
    mine, theirs = Squares(), Squares()
    config = FitConfig(steps=3, lr=1e-2, clip=0, weight_decay=0.1, final_lr=1.0)
    fit(mine, points, config, tmp_path, progress=False)
    matrices = [p for p in theirs.module.parameters() if p.ndim > 1]
    vectors = [p for p in theirs.module.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    for step in range(3):
        theirs.loss(points(step)).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    for name, weight in weights(mine.module).items():
        torch.testing.assert_close(weight, weights(theirs.module)[name], rtol=1e-5, atol=1e-7)


def test_named_matrices_are_moved_by_muon_itself(tmp_path) -> None:
    """Against `torch.optim.Muon` and `torch.optim.AdamW` driven by hand."""
    mine, theirs = Squares(), Squares()
    config = FitConfig(steps=3, lr=1e-2, clip=0, weight_decay=0.1, final_lr=1.0, muon=(".*",))
    fit(mine, points, config, tmp_path, progress=False)
    matrices = [p for p in theirs.module.parameters() if p.ndim == 2]
    others = [p for p in theirs.module.parameters() if p.ndim != 2]
    muon = torch.optim.Muon(matrices, lr=1e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(others, lr=1e-2, weight_decay=0.0, betas=(0.9, 0.95))
    for step in range(3):
        theirs.loss(points(step)).mean().backward()
        for part in (muon, adamw):
            part.step()
            part.zero_grad()
    for name, weight in weights(mine.module).items():
        torch.testing.assert_close(weight, weights(theirs.module)[name], rtol=1e-5, atol=1e-7)


def test_muon_goes_on_to_the_same_bits(tmp_path) -> None:
    config = FitConfig(steps=6, lr=1e-2, muon=(".*",), checkpoint_every=3)
    whole, first, second = Squares(), Squares(), Squares()
    fit(whole, points, config, tmp_path / "whole", progress=False)

    def stopped(step: int):
        if step == 4:
            raise KeyboardInterrupt
        return points(step)

    with pytest.raises(KeyboardInterrupt):
        fit(first, stopped, config, tmp_path / "pieces", progress=False)
    fit(second, points, config, tmp_path / "pieces", progress=False)
    for name, weight in weights(second.module).items():
        assert torch.equal(weight, weights(whole.module)[name])


def test_the_whole_gradient_is_clipped(tmp_path) -> None:
    seen: list[float] = []
    objective = Squares()

    def watch(_optimizer, _args, _kwargs) -> None:
        norms = [p.grad.norm() ** 2 for p in objective.module.parameters()]
        seen.append(float(torch.stack(norms).sum().sqrt()))

    handle = register_optimizer_step_pre_hook(watch)
    try:
        result = fit(objective, points, replace(CONFIG, clip=0.05), tmp_path, progress=False)
    finally:
        handle.remove()
    before = [row["grad_norm"] for row in read_history(result.history)]
    assert len(seen) == 20
    assert max(seen) <= 0.05 * (1 + 1e-4)
    assert max(before) > 0.05
    assert all(math.isclose(s, min(b, 0.05), rel_tol=1e-3) for s, b in zip(seen, before, strict=True))


def test_a_stage_moves_only_its_weights(tmp_path) -> None:
    objective = Squares()
    before = weights(objective.module)
    fit(objective, points, replace(CONFIG, trainable=(r"last\..*",)), tmp_path, progress=False)
    after = weights(objective.module)
    assert {name for name in before if not torch.equal(before[name], after[name])} == {
        "last.weight",
        "last.bias",
    }
    assert all(p.requires_grad for p in objective.module.parameters())
    assert all(p.grad is None for p in objective.module.parameters())


def test_weights_frozen_before_stay_frozen(tmp_path) -> None:
    objective = Squares()
    objective.module.first.weight.requires_grad_(False)
    before = objective.module.first.weight.clone()
    fit(objective, points, CONFIG, tmp_path, progress=False)
    assert torch.equal(objective.module.first.weight, before)
    assert not objective.module.first.weight.requires_grad


@pytest.mark.parametrize("patterns", [("nowhere",), ("last.*", "nowhere"), ("last",)])
def test_a_pattern_that_matches_nothing_is_refused(tmp_path, patterns) -> None:
    """`last` too: a pattern matches a whole name."""
    objective = Squares()
    before = weights(objective.module)
    with pytest.raises(UsageError, match=f"'{patterns[-1]}' matches none of 4 parameters; names look like"):
        fit(objective, points, replace(CONFIG, trainable=patterns), tmp_path, progress=False)
    assert equal(weights(objective.module), before)


def test_a_stage_that_trains_nothing_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="trainable: is empty"):
        fit(Squares(), points, replace(CONFIG, trainable=()), tmp_path, progress=False)


def test_the_module_trains_in_training_mode_and_gets_its_own_back(tmp_path) -> None:
    objective, modes = Squares(), []
    objective.module.eval()

    def batches(step: int):
        modes.append(objective.module.training)
        return points(step)

    fit(objective, batches, CONFIG, tmp_path, progress=False)
    assert all(modes)
    assert not objective.module.training


def test_accumulated_batches_are_one_larger_batch(tmp_path) -> None:
    parts = [tuple(part[: 3 * k + 1] for part in points(k)) for k in range(4)]
    whole = tuple(torch.cat(columns) for columns in zip(*parts, strict=True))
    assert_accumulation_is_one_batch(Squares, parts, whole, tmp_path)


def test_terms_with_weights_of_their_own_are_each_divided_by_them(tmp_path) -> None:
    """Two terms counted by unlike things, one of them by nothing in some batches."""

    class Terms(Squares):
        def loss(self, batch):
            x, y = batch
            errors = (self.module(x) - y) ** 2
            far = x[:, 0] > 1
            sums = torch.stack([errors.sum(), 3 * (errors * far).sum()])
            return Loss(sums, torch.stack([torch.tensor(len(x)), far.sum()]), {"samples": len(x)})

    parts = [tuple(part[: 3 * k + 1] for part in points(k)) for k in range(4)]
    far = [int((x[:, 0] > 1).sum()) for x, _ in parts]
    assert len(set(far)) > 1
    assert 0 in far
    whole = tuple(torch.cat(columns) for columns in zip(*parts, strict=True))
    assert_accumulation_is_one_batch(Terms, parts, whole, tmp_path)


def test_a_term_may_depend_on_no_trained_weight(tmp_path) -> None:
    """The first term sees frozen weights alone; the second moves the rest."""

    class Half(Squares):
        def loss(self, batch):
            loss = super().loss(batch)
            frozen = self.module.first.weight.square().sum()
            return replace(
                loss, sum=torch.stack([frozen, loss.sum]), weight=torch.stack([torch.tensor(1), loss.weight])
            )

    objective = Half()
    before = weights(objective.module)
    fit(
        objective,
        points,
        replace(CONFIG, accumulate=2, trainable=(r"last\..*",)),
        tmp_path,
        progress=False,
    )
    moved = {name for name, w in weights(objective.module).items() if not torch.equal(before[name], w)}
    assert moved == {"last.weight", "last.bias"}


def test_a_metric_is_the_mean_over_all_batches_of_a_step(tmp_path) -> None:
    sizes = [1, 5, 2, 9]

    class Sizes(Squares):
        def loss(self, batch):
            size = len(batch[0])
            seen = Mean(torch.tensor(float(size * size)), size)
            return replace(super().loss(batch), metrics={"samples": size, "size": seen})

    def batches(step: int):
        x, y = points(step)
        return x[: sizes[step % 4]], y[: sizes[step % 4]]

    config = replace(CONFIG, accumulate=4, steps=2)
    rows = read_history(fit(Sizes(), batches, config, tmp_path, progress=False).history)
    assert [row["size"] for row in rows] == [pytest.approx(sum(s * s for s in sizes) / sum(sizes))] * 2


def test_the_seed_decides_dropout(tmp_path) -> None:
    runs = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        objective = Squares(dropout=0.5)
        fit(objective, points, replace(CONFIG, seed=seed), tmp_path / name, progress=False)
        runs[name] = weights(objective.module)
    assert equal(runs["a"], runs["b"])
    assert not equal(runs["a"], runs["c"])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_run(tmp_path, value) -> None:
    def batches(step: int):
        x, y = points(step)
        return (x, y * value) if step == 3 else (x, y)

    with pytest.raises(DataError, match=f"the loss is {value} at step 4; lower the learning rate"):
        fit(Squares(), batches, CONFIG, tmp_path, progress=False)
    assert [row["step"] for row in read_history(tmp_path / "history.jsonl")] == [1, 2, 3]


@pytest.mark.parametrize(("log_every", "checkpoint_every"), [(3, 100), (100, 3), (100, 100), (7, 5)])
def test_weights_that_are_no_numbers_are_never_saved(tmp_path, log_every, checkpoint_every) -> None:
    """The device is asked only for a line or a checkpoint, and still the step named is the first bad one."""

    def batches(step: int):
        x, y = points(step)
        return (x, y * math.inf) if step == 3 else (x, y)

    config = replace(CONFIG, log_every=log_every, checkpoint_every=checkpoint_every)
    with pytest.raises(DataError, match="the loss is inf at step 4; lower the learning rate"):
        fit(Squares(), batches, config, tmp_path, progress=False)
    saved = store.steps(tmp_path / "checkpoints")
    assert saved == [step for step in (3,) if step % checkpoint_every == 0]
    for step in saved:
        found = store.load(tmp_path / "checkpoints" / f"step-{step:08d}")
        assert all(tensor.isfinite().all() for tensor in found.model.values())


def test_a_gradient_that_is_no_number_stops_the_run_before_its_checkpoint(tmp_path) -> None:
    """The square root's loss is 0 at 0, its gradient is not a number."""

    class Root(Squares):
        def loss(self, batch):
            loss = super().loss(batch)
            return replace(loss, sum=loss.sum + (0 * self.module.last.bias).sum().sqrt())

    config = replace(CONFIG, checkpoint_every=1)
    with pytest.raises(DataError, match="the gradient's norm is nan at step 1; lower the learning rate"):
        fit(Root(), points, config, tmp_path, progress=False)
    assert store.steps(tmp_path / "checkpoints") == []


def test_an_interrupted_run_saves_no_weights_that_are_no_numbers(tmp_path) -> None:
    def batches(step: int):
        if step == 6:
            raise KeyboardInterrupt
        x, y = points(step)
        return (x, y * math.inf) if step == 3 else (x, y)

    with pytest.raises(KeyboardInterrupt):
        fit(Squares(), batches, replace(CONFIG, log_every=100), tmp_path, progress=False)
    assert store.steps(tmp_path / "checkpoints") == []


def test_an_interrupt_before_the_first_step_leaves_no_checkpoint(tmp_path) -> None:
    def batches(step: int):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Squares(), batches, CONFIG, tmp_path, progress=False)
    assert store.steps(tmp_path / "checkpoints") == []


def test_no_step_between_two_lines_waits_for_the_device(tmp_path, monkeypatch) -> None:
    """Reading one number of a tensor is what makes a step wait."""
    waits: list[int] = []
    step = 0

    def batches(number: int):
        nonlocal step
        step = number + 1
        return points(number)

    for name in ("item", "tolist", "__float__", "__bool__", "__int__"):
        original = getattr(torch.Tensor, name)

        def watched(self, *args, original=original):
            waits.append(step)
            return original(self, *args)

        monkeypatch.setattr(torch.Tensor, name, watched)
    fit(Squares(), batches, replace(CONFIG, steps=9, log_every=4), tmp_path, progress=False)
    assert {4, 8, 9} == set(waits)


def test_tensorboard_holds_the_history(tmp_path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = fit(Squares(), points, replace(CONFIG, log_every=5), tmp_path, progress=False)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    rows = read_history(result.history)
    assert [row["step"] for row in rows] == [5, 10, 15, 20]
    for name in ("loss", "lr", "error", "grad_norm", "samples/s"):
        logged = [(e.step, e.value) for e in events.Scalars(name)]
        assert logged == [(row["step"], pytest.approx(row[name], rel=1e-5)) for row in rows]


def test_a_line_is_the_mean_since_the_line_before(tmp_path) -> None:
    each = fit(Squares(), points, CONFIG, tmp_path / "each", progress=False)
    fifth = fit(Squares(), points, replace(CONFIG, log_every=5), tmp_path / "fifth", progress=False)
    losses = [row["loss"] for row in read_history(each.history)]
    means = [row["loss"] for row in read_history(fifth.history)]
    assert means == pytest.approx([sum(losses[i : i + 5]) / 5 for i in range(0, 20, 5)])


@pytest.mark.parametrize(
    "text", ["mine", "mine\n", '{"step": 1}\n', "[1]\n", '{"step": 1, "time": 2, "lr": 3}\nmine\n']
)
def test_what_is_no_history_of_ours_is_never_cut(tmp_path, text) -> None:
    (tmp_path / "history.jsonl").write_text(text)
    with pytest.raises(UsageError, match=r"history.jsonl: exists"):
        fit(Squares(), points, FitConfig(steps=1, lr=1e-2), tmp_path, progress=False)
    assert (tmp_path / "history.jsonl").read_text() == text


def test_event_files_of_somebody_else_stay(tmp_path) -> None:
    own = [tmp_path / "tensorboard" / name for name in ("notes.txt", "events.out.tfevents.1.host", "deep/a")]
    for path in own:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    for _ in range(2):
        fit(Squares(), points, FitConfig(steps=1, lr=1e-2), tmp_path, progress=False)
    assert [path.read_text() for path in own] == ["mine"] * 3
    assert len(list((tmp_path / "tensorboard").glob("*.hilum"))) == 1


def test_a_run_folder_has_one_run_at_a_time(tmp_path) -> None:
    with only_writer(tmp_path / "run"), pytest.raises(UsageError, match="run: is being written by another"):
        fit(Squares(), points, FitConfig(steps=1, lr=1e-2), tmp_path / "run", progress=False)


def test_a_resumed_history_has_every_step_once(tmp_path) -> None:
    def until_thirteen(step: int):
        if step == 13:
            raise RuntimeError("the plug")
        return points(step)

    config = replace(CONFIG, checkpoint_every=5)
    with pytest.raises(RuntimeError, match="plug"):
        fit(Squares(), until_thirteen, config, tmp_path, progress=False)
    history = tmp_path / "history.jsonl"
    history.write_text(history.read_text() + '{"step": 14, "lo')  # cut by a kill
    fit(Squares(), points, config, tmp_path, progress=False)
    rows = [json.loads(line) for line in history.read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 21))


def test_half_precision_trains(tmp_path) -> None:
    objective = Squares()
    config = replace(CONFIG, steps=40, precision="bfloat16")
    rows = read_history(fit(objective, points, config, tmp_path, progress=False).history)
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert all(p.dtype == torch.float32 for p in objective.module.parameters())


@pytest.mark.parametrize("native", [True, False])
def test_automatic_precision_is_bfloat16_where_the_processor_has_it(native, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(loop, "multiplies_bfloat16", lambda device: native)
    trained = {}
    for precision in ("auto", "bfloat16", "float32"):
        objective = Squares()
        fit(objective, points, replace(CONFIG, precision=precision), tmp_path / precision, progress=False)
        trained[precision] = weights(objective.module)
    assert equal(trained["auto"], trained["bfloat16"]) is native
    assert equal(trained["auto"], trained["float32"]) is not native


def test_what_a_processor_multiplies_is_asked_of_torch(monkeypatch) -> None:
    for name, expected in (("avx512_bf16", True), ("amx_bf16", True), ("avx2", False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda name=name: {name: True})
        loop.multiplies_bfloat16.cache_clear()
        assert loop.multiplies_bfloat16(torch.device("cpu")) is expected
    loop.multiplies_bfloat16.cache_clear()


def test_a_step_without_a_gradient_changes_nothing(tmp_path) -> None:
    class Idle(Squares):
        def loss(self, batch):
            loss = super().loss(batch)
            return replace(loss, sum=loss.sum + 0 * self.module.unused.sum())

    objective = Idle()
    objective.module.unused = nn.Parameter(torch.ones(3))
    fit(objective, points, replace(CONFIG, weight_decay=0.0), tmp_path, progress=False)
    assert torch.equal(objective.module.unused, torch.ones(3))


def test_checkpointed_activations_are_computed_twice_to_the_same_weights(tmp_path) -> None:
    ran: list[int] = []
    asked = (Message("user", (Text("Effusion?"),)), Message("assistant", (Text("No."),)))

    def trained(name: str, *, on: bool):
        model = tiny(Reads.FEATURES, Writes.NOTHING)
        ids = encode(asked, model.vocabulary, model.config)
        batch = collate([(np.array(ids.ids), np.array(ids.targets))], None, 0)
        layers = [m for n, m in model.network.named_modules() if n.endswith("self_attn")]
        for layer in layers:
            layer.register_forward_hook(lambda *_: ran.append(1))
        ran.clear()
        config = FitConfig(steps=3, lr=1e-3, checkpoint_activations=on)
        fit(NextToken(model), lambda step: batch, config, tmp_path / name, progress=False)
        # Inside the run alone.
        assert not any(getattr(m, "gradient_checkpointing", False) for m in model.network.modules())
        return len(ran) / len(layers), weights(model.network)

    (once, kept), (twice, recomputed) = trained("kept", on=False), trained("recomputed", on=True)
    assert (once, twice) == (3, 6)
    assert equal(kept, recomputed)


def test_activations_of_another_network_are_not_checkpointed(tmp_path) -> None:
    with pytest.raises(UsageError, match="checkpoint_activations: is not possible for a Line; leave it out"):
        fit(Squares(), points, replace(CONFIG, checkpoint_activations=True), tmp_path, progress=False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("lr", float("nan")),
        ("warmup", -1),
        ("final_lr", 1.5),
        ("keep", 0),
        ("precision", "float16"),
        ("trainable", ("(",)),
        ("accumulate", 0),
    ],
)
def test_impossible_settings_are_refused_by_name(field, value) -> None:
    with pytest.raises(UsageError, match=field):
        replace(CONFIG, **{field: value})


def test_without_a_terminal_the_bar_writes_ten_lines(monkeypatch, capsys) -> None:
    monkeypatch.setattr("hilum.progress.PAUSE", 0.0)
    with Bar(100, 0, "tokenizer", show=True) as bar:
        for step in range(1, 101):
            bar.update(step, 0.5, {"samples/s": 1200.0})
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert len(lines) == 10
    assert lines[-1] == "tokenizer: 100/100 · loss 0.5 · 1,200 samples/s"
    with Bar(100, 0, "tokenizer", show=False) as bar:
        bar.update(100, 0.5, {})
    assert capsys.readouterr().err == ""
