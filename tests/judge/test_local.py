"""A language model in this process: batches, layouts and ends, on a tiny one with random weights."""

from __future__ import annotations

import json

import pytest
import torch

from hilum.endpoint import Ended, Told
from hilum.errors import DataError
from hilum.judge import named_judge
from hilum.judge.local import LocalModel
from hilum.study import State
from judge.judges import EFFUSION, MASS
from model import stock

PROMPTS = [
    "Is it?",
    "There is a 12 mm nodule in the right upper lobe, is there not?",
    "No.",
    "PA or AP or lateral?",
]


@pytest.fixture
def folder(tmp_path):
    """A model with a context that holds the prompt of a judge; weights so large that answers vary."""
    tokenizer, network = stock.tokenizer(), stock.language("llama")
    tokenizer.add_special_tokens({"eos_token": "<end>"})
    network.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.ndim > 1 and "embed" not in name:
                weight.mul_(12)
        network.get_output_embeddings().weight[tokenizer.eos_token_id] = 0  # so that no answer ends by chance
    network.config.max_position_embeddings = 4096
    network.generation_config.eos_token_id = tokenizer.eos_token_id
    network.save_pretrained(tmp_path / "llm")
    tokenizer.save_pretrained(tmp_path / "llm")
    return tmp_path / "llm"


def told(model: LocalModel, prompts: list[str], most: int = 6) -> list[Told]:
    found = {}
    model.answer(prompts, most, lambda number, one: found.setdefault(number, one))
    return [found[number] for number in range(len(prompts))]


@pytest.mark.parametrize("template", [None, "{% for m in messages %}Q: {{ m.content }}\nA:{% endfor %}"])
def test_a_batch_answers_as_each_alone(folder, template) -> None:
    model = LocalModel.load(str(folder), batch=3)
    model.tokenizer.chat_template = template
    together = told(model, PROMPTS)
    assert together == [told(model, [prompt])[0] for prompt in PROMPTS]
    assert len({one.text for one in together}) > 1


def test_an_answer_that_does_not_end_was_cut_off(folder) -> None:
    model = LocalModel.load(str(folder))
    assert {one.ended for one in told(model, PROMPTS)} == {Ended.CUT_OFF}
    first = told(model, ["No."], 1)[0]
    ids = model.network.generate(torch.tensor([model._ids("No.")]), max_new_tokens=1, do_sample=False)
    model.network.generation_config.eos_token_id = int(ids[0, -1])
    assert first.ended is Ended.CUT_OFF
    assert told(model, ["No."], 1) == [Told("", Ended.DONE)]


def test_what_does_not_fit_is_too_long_and_alone(folder) -> None:
    model = LocalModel.load(str(folder))
    model.network.config.max_position_embeddings = 60
    short, long = told(model, ["No.", "No. " * 60])
    assert (short.ended, long.ended) == (Ended.CUT_OFF, Ended.TOO_LONG)


def test_a_prompt_that_breaks_the_network_fails_alone(folder, monkeypatch) -> None:
    model = LocalModel.load(str(folder), batch=4)
    whole, generate = told(model, PROMPTS), model.network.generate

    def fragile(input_ids, **rest):
        if input_ids.shape[1] > 40:
            raise RuntimeError("Mrs Doe")
        return generate(input_ids=input_ids, **rest)

    monkeypatch.setattr(model.network, "generate", fragile)
    found = told(model, PROMPTS)
    failed = [one.ended is Ended.FAILED for one in found]
    assert failed == [len(model._ids(prompt)) > 40 for prompt in PROMPTS]
    assert any(failed)
    assert not all(failed)
    assert all(one == other for one, other, bad in zip(found, whole, failed, strict=True) if not bad)
    assert "Doe" not in str(found)


def test_the_prompt_is_laid_out_by_the_template_or_as_green_s(folder) -> None:
    model = LocalModel.load(str(folder))
    assert model.tokenizer.decode(model._ids("Is it?")) == "<|user|>\nIs it?<end>\n<|assistant|>\n"
    plain = model.identity
    model.tokenizer.chat_template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    assert model.tokenizer.decode(model._ids("Is it?")) == "[user]Is it?"
    assert model.identity != plain


def test_other_weights_are_another_judge(folder) -> None:
    one, other = LocalModel.load(str(folder)), LocalModel.load(str(folder))
    assert one.identity == other.identity
    with torch.no_grad():
        other.network.lm_head.weight.add_(1)
    changed = LocalModel(other.network, other.tokenizer, name="x")
    assert changed.identity != one.identity


def test_random_weights_score_nothing(folder, tmp_path) -> None:
    (tmp_path / "p.txt").write_text("{reference}\n{candidate}\nScore:")
    for name, prompt in (("green", None), ("llm", tmp_path / "p.txt")):
        settings = {"model": str(folder), "prompt": prompt, "max_tokens": 8, "cache": tmp_path / "v.jsonl"}
        judge = named_judge(name, **settings)
        verdicts = judge([EFFUSION, EFFUSION], [MASS, EFFUSION])
        assert {verdict.state for verdict in verdicts} <= {State.TOO_LONG, State.UNPARSABLE}
        assert judge.spent()["completion_tokens"] > 0
        again = named_judge(name, **settings)
        assert again([EFFUSION, EFFUSION], [MASS, EFFUSION]) == verdicts
        assert again.spent()["cached"] == 2


def test_a_checkpoint_s_own_code_and_pickles_are_refused(folder) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(DataError, match="asks to run code"):
        LocalModel.load(str(folder))
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").unlink()
    torch.save(stock.language("llama").state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(DataError, match="cannot be read"):
        LocalModel.load(str(folder))
