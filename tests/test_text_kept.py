"""The benchmark of kept language: its figures are those of `transformers`, and a spoiled model falls."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

import hilum
from hilum.errors import UsageError
from hilum.model import Model, Prompt, Writes
from hilum.model.layout import known_layouts
from hilum.model.pretrained import load_language
from hilum.study import Message, Text
from model import stock
from model.helpers import tiny


@pytest.fixture(scope="module")
def text_kept() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
        import text_kept

        yield text_kept


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> str:
    """A language model in a folder, with a template of others."""
    folder = tmp_path_factory.mktemp("text") / "llama"
    tokenizer, layout = stock.tokenizer(), known_layouts()["chatml"]
    tokenizer.add_special_tokens({"additional_special_tokens": layout["tokens"]})
    tokenizer.chat_template, tokenizer.eos_token = layout["template"], layout["end"]
    language = stock.language("llama")
    language.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    language.config.max_position_embeddings = 1024
    language.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def run_of(text: str, folder: Path, noise: float) -> Path:
    language, tokenizer = load_language(text)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(0)
        for weight in language.parameters():
            weight += noise * torch.randn(weight.shape, generator=generator)
    model = Model.of_parts(language, tokenizer, encoder=stock.encoder("siglip"), writes=Writes.NOTHING)
    return model.save(folder)


@torch.inference_mode()
def test_each_answer_is_as_likely_as_a_plain_forward_says(text_kept, text, tmp_path) -> None:
    run = run_of(text, tmp_path / "run", 0.0)
    model = hilum.load(run)
    pairs = text_kept.pairs_of(model)
    assert len(pairs) == 200
    before = text_kept.Before(text)
    words, vocabulary = before.totals(pairs, model.vocabulary, run)
    assert words == pytest.approx(vocabulary)
    tuned, wide = text_kept.totals(model.network, pairs, before.words, "run")
    language, tokenizer = load_language(text)
    for i in range(0, 200, 20):
        pair = pairs[i]
        assert tokenizer.decode(pair.prompt).endswith("<|im_start|>assistant\n")
        ids = torch.tensor([[*pair.prompt, *pair.answer]])
        scores = language(ids).logits[0, len(pair.prompt) - 1 : -1].double().log_softmax(-1)
        wanted = float(scores.gather(1, torch.tensor(pair.answer)[:, None]).sum())
        assert words[i] == pytest.approx(wanted, rel=1e-5)
        assert tuned[i] == pytest.approx(wanted, rel=1e-5)  # joined to an encoder, but not yet trained
        prompt = Prompt((Message("user", (Text(_question(tokenizer, pair.prompt)),)),))
        [likely] = model.loglikelihood(prompt, [tokenizer.decode(pair.answer)])
        assert wide[i] == pytest.approx(likely.total, rel=1e-4)
        assert wide[i] < tuned[i]
    figures = text_kept.compared(pairs, words, words)
    assert figures["fall_percent"] == {"value": 0.0, "low": None, "high": None, "n": 200}
    assert figures["before"]["value"] == pytest.approx(words.sum() / sum(len(p.answer) for p in pairs))


def _question(tokenizer, prompt) -> str:
    return tokenizer.decode(prompt).split("<|im_start|>user\n")[1].split("<|im_end|>")[0]


def test_a_model_that_was_spoiled_has_fallen(text_kept, text, tmp_path, capsys, monkeypatch) -> None:
    spoiled = run_of(text, tmp_path / "spoiled", 0.5)
    same = run_of(text, tmp_path / "same", 0.0)
    monkeypatch.setattr(
        sys, "argv", ["text_kept.py", "--before", text, "--after", str(spoiled), str(same), "--json"]
    )
    text_kept.main()
    printed = json.loads(capsys.readouterr().out)
    assert printed["name"] == "text_kept"
    bad, good = printed[str(spoiled)], printed[str(same)]
    assert printed["ours"] == bad["words"]["after"]["value"] < printed["peer"]
    assert bad["words"]["fall_percent"]["low"] > 5
    assert good["words"]["fall_percent"]["value"] == pytest.approx(0, abs=1e-4)
    # Five control tokens among 350 others take their share of the probability.
    assert 0 < good["vocabulary"]["fall_percent"]["low"] < good["vocabulary"]["fall_percent"]["high"] < 1
    assert good["words"]["before"] == bad["words"]["before"]


def test_a_run_of_another_model_is_refused(text_kept, text, tmp_path) -> None:
    run = tiny(context=2048).save(tmp_path / "model")
    with pytest.raises(UsageError, match="is not made from"):
        text_kept.measured(text, [run])
