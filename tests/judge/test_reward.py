"""A judge in TRL's own trainer, and what its rewards are."""

from __future__ import annotations

import math

import pytest
from datasets import Dataset

from hilum.errors import UsageError
from hilum.judge import as_reward, named_judge
from hilum.study import State, Verdict
from judge.judges import EFFUSION, MASS, Fixed
from model import stock


def test_the_reward_is_what_a_verdict_counts() -> None:
    reward = as_reward(named_judge("facts"))
    references = [EFFUSION, EFFUSION, EFFUSION, ""]
    completions = [EFFUSION, "", "Kein Erguss, die Lunge ist frei.", EFFUSION]
    assert reward(prompts=[""] * 4, completions=completions, reference=references) == [1.0, 0.0, 0.0, None]
    chats = [[{"role": "assistant", "content": text}] for text in completions]
    assert reward(prompts=[""] * 4, completions=chats, reference=references) == [1.0, 0.0, 0.0, None]
    parts = [[{"role": "assistant", "content": [{"type": "text", "text": EFFUSION}]}]]
    assert reward(prompts=[""], completions=parts, reference=[EFFUSION]) == [1.0]
    assert reward.__name__ == "facts"


@pytest.mark.parametrize(
    "given",
    [
        [{"role": "user", "content": MASS}, {"role": "assistant", "content": EFFUSION}],
        {"role": "assistant", "content": EFFUSION},
        [
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": EFFUSION[:9]},
                    {"type": "image", "text": MASS},
                    {"type": "text", "text": EFFUSION[9:]},
                    {"type": "text"},
                ],
            }
        ],
    ],
)
def test_a_conversation_is_read_by_the_text_of_its_last_turn(given) -> None:
    judge = Fixed(Verdict(1.0))
    assert as_reward(judge)(prompts=[""], completions=[given], reference=[MASS]) == [1.0]
    assert judge.asked == [(MASS, EFFUSION)]


@pytest.mark.parametrize("given", [[{"role": "assistant", "content": None}], [{"role": "assistant"}]])
def test_a_turn_without_words_is_empty(given) -> None:
    reward = as_reward(named_judge("facts"))
    assert reward(prompts=[""], completions=[given], reference=[EFFUSION]) == [0.0]


@pytest.mark.parametrize(("given", "kind"), [(7, "int"), ([], "list"), (None, "NoneType"), ([[]], "list")])
def test_what_has_no_text_is_named_by_its_kind(given, kind) -> None:
    with pytest.raises(UsageError, match=f"a completion: is a {kind} without text"):
        as_reward(named_judge("facts"))(prompts=[""], completions=[given], reference=[EFFUSION])


@pytest.mark.parametrize("state", [s for s in State if s not in (State.SCORED, State.EMPTY, State.FOREIGN)])
def test_a_judge_s_failure_is_no_reward_of_0(state) -> None:
    reward = as_reward(Fixed(Verdict(None, state=state)))
    assert reward(prompts=[""], completions=[MASS], reference=[EFFUSION]) == [None]


def test_a_column_that_is_not_there_is_named() -> None:
    reward = as_reward(named_judge("facts"), column="truth")
    assert reward(prompts=[""], completions=[EFFUSION], truth=[EFFUSION]) == [1.0]
    with pytest.raises(UsageError, match="column truth"):
        reward(prompts=[""], completions=[EFFUSION], reference=[EFFUSION])
    with pytest.raises(UsageError, match="without text"):
        reward(prompts=[""], completions=[7], truth=[EFFUSION])


def test_trl_trains_with_it(tmp_path) -> None:
    trl = pytest.importorskip("trl")
    tokenizer = stock.tokenizer()
    tokenizer.add_special_tokens({"eos_token": "<end>", "pad_token": "<pad>"})
    network = stock.language("llama")
    network.resize_token_embeddings(len(tokenizer))
    rows = Dataset.from_list([{"prompt": "FINDINGS:", "reference": EFFUSION}] * 4)
    config = trl.GRPOConfig(
        output_dir=str(tmp_path),
        max_steps=1,
        per_device_train_batch_size=2,
        num_generations=2,
        max_completion_length=8,
        report_to="none",
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
    )
    trainer = trl.GRPOTrainer(
        network,
        reward_funcs=as_reward(named_judge("facts")),
        args=config,
        train_dataset=rows,
        processing_class=tokenizer,
    )
    trainer.train()
    logged = next(row for row in trainer.state.log_history if "rewards/facts/mean" in row)
    assert 0 <= logged["rewards/facts/mean"] <= 1
    assert math.isfinite(logged["rewards/facts/mean"])
