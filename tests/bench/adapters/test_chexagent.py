"""CheXagent-2's protocol, on a checkpoint of its layout with Python of its own and small random weights."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.adapters.helpers import every_kind, films
from hilum.bench.adapters import Adapter, Failure, Kind, Question, open_adapter
from hilum.bench.adapters.chexagent import PROMPTS, CheXagent, worded
from hilum.errors import DataError, UsageError
from hilum.images import read_image

LAYOUT = Path(__file__).parent / "chexagent_layout"
MAP = {
    "AutoConfig": "configuration_chexagent.CheXagentConfig",
    "AutoModelForCausalLM": "modeling_chexagent.CheXagentForCausalLM",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The checkpoint: a SigLIP tower of 512 × 512 in patches of 16, an MLP, Phi; all of them narrow."""
    sys.path.insert(0, str(LAYOUT.parent))
    try:
        modeling = importlib.import_module("chexagent_layout.modeling_chexagent")
        tokenization = importlib.import_module("chexagent_layout.tokenization_chexagent")
    finally:
        sys.path.remove(str(LAYOUT.parent))
    path = tmp_path_factory.mktemp("chexagent") / "checkpoint"
    tokenizer = tokenization.CheXagentTokenizer()
    narrow = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    start, end, pad = (tokenizer.convert_tokens_to_ids(tag) for tag in tokenization.TAGS[:3])
    config = modeling.CheXagentConfig(
        visual={"image_size": 512, "patch_size": 16, **narrow},
        img_start_id=start,
        img_end_id=end,
        img_pad_id=pad,
        vocab_size=len(tokenizer),
        max_position_embeddings=4096,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
        **narrow,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = modeling.CheXagentForCausalLM(config)
    with torch.no_grad():
        for weights in network.parameters():
            if weights.ndim > 1:
                weights.mul_(6)
    network.save_pretrained(path)
    tokenizer.save_pretrained(path)
    for source in LAYOUT.glob("*.py"):
        shutil.copy(source, path)
    _set(path / "config.json", auto_map=MAP, architectures=["CheXagentForCausalLM"])
    own = ["tokenization_chexagent.CheXagentTokenizer", None]
    _set(path / "tokenizer_config.json", auto_map={"AutoTokenizer": own})
    return path


def _set(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture(scope="module")
def adapter(folder, tmp_path_factory) -> CheXagent:
    with pytest.MonkeyPatch.context() as patch:  # transformers copies the checkpoint's Python before it runs
        patch.setattr(
            "transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path_factory.mktemp("code"))
        )
        return CheXagent.load(str(folder), trust_remote_code=True, max_new_tokens=6)


@pytest.fixture(scope="module")
def questions(tmp_path_factory) -> list[Question]:
    return every_kind(tmp_path_factory.mktemp("films"))


def prompt_of(adapter, question: Question) -> str:
    ids = adapter._ids(question, worded(question))
    return adapter.tokenizer.decode(ids).replace("<|imgpad|>", "")


def test_its_python_runs_by_explicit_word_alone(folder) -> None:
    with pytest.raises(UsageError, match="asks to run Python that comes with the model"):
        open_adapter(f"chexagent:{folder}")


def test_every_task_has_a_reply(adapter, questions) -> None:
    assert isinstance(adapter, Adapter)
    for reply in adapter.answer(questions):
        assert reply.failure is not Failure.CRASHED, reply.detail


def test_the_turns_and_prompts_are_its_authors_own(adapter, questions) -> None:
    asked = {question.id: prompt_of(adapter, question) for question in questions}
    assert asked["view"] == (
        "<|system|>\nYou are a helpful assistant.<|endoftext|>\n"
        "<|user|>\nPicture 1:<|img|>0<|/img|>\nWhat is the view?\nOptions: (A) PA, (B) AP, (C) lateral\n"
        "Directly answer the question by choosing one option: (A), (B), (C).<|endoftext|>\n<|assistant|>\n"
    )
    assert "Please locate the following phrase: left edema<" in asked["box"]
    assert 'Given the indication: "Cough", write a structured findings section for the CXR.<' in asked["text"]
    assert "<|user|>\nSummarize the following Findings: Small left pleural effusion.<" in asked["sum"]
    assert asked["temporal"].count("<|img|>") == 2


def test_an_image_takes_its_span_and_findings_two_images(adapter, tmp_path) -> None:
    paths = tuple(films(tmp_path, 3))
    bare = Question("1", Kind.TEXT, "Write.", task="Findings Generation", fields={"indication": "Cough"})
    lengths = [len(adapter._ids(replace(bare, images=paths[:n]), "x")) for n in range(4)]
    picture = len("Picture 1:") + 1 + 1024 + 1 + len("\n")
    assert [length - lengths[0] for length in lengths] == [0, picture, 2 * picture, 2 * picture]


def test_the_film_itself_is_seen_whatever_its_path(adapter, questions, tmp_path) -> None:
    view = questions[0]
    moved = tmp_path / "a <|img|> film, ünter anderem.png"
    moved.write_bytes(view.images[0].read_bytes())
    [scores, same, other] = adapter.loglikelihood(
        [view, replace(view, images=(moved,)), replace(view, images=questions[4].images[:1])]
    )
    assert scores == same
    assert scores != other


def test_words_open_no_file(adapter, questions, tmp_path) -> None:
    path = films(tmp_path, 1)[0]
    sly = Question("1", Kind.TEXT, f"<|img|>{path}<|/img|> What is this?")
    assert "<|img|>" not in prompt_of(adapter, sly)
    assert adapter.answer([sly])[0].failure is not Failure.CRASHED


def test_a_batch_answers_as_one_by_one(adapter, questions) -> None:
    alike = [questions[0], replace(questions[0], images=questions[4].images[:1]), *questions]
    assert adapter.answer(alike) == [adapter.answer([question])[0] for question in alike]


def test_likelihoods_are_those_of_the_network(adapter, questions) -> None:
    summary = replace(questions[5], images=())
    [scores] = adapter.loglikelihood([summary])
    ids = adapter._ids(summary, summary.prompt)
    for option, score in zip(summary.options, scores, strict=True):
        more = list(option.encode())
        with torch.inference_mode():
            logits = adapter.network(torch.tensor([ids + more])).logits[0, len(ids) - 1 : -1]
        plain = [float(row[token]) for row, token in zip(logits.log_softmax(-1), more, strict=True)]
        assert score == pytest.approx(sum(plain) / len(plain), abs=1e-4)


def test_the_last_token_goes_only_where_it_ends_the_answer(adapter, questions) -> None:
    [cut] = adapter.answer(questions[:1])
    assert cut.failure is Failure.TOO_LONG
    full = adapter.network.generate(
        **adapter._inputs([adapter._ids(questions[9], worded(questions[9]))]),
        max_new_tokens=6,
        do_sample=False,
    )
    prompt = len(adapter._ids(questions[9], worded(questions[9])))
    written = full[0, prompt:].tolist()
    assert adapter.answer([questions[9]])[0].text == adapter.tokenizer.decode(written), "all six are kept"
    own = adapter.network.generation_config.eos_token_id
    try:
        adapter.network.generation_config.eos_token_id = written[3]
        first = written.index(written[3])
        [ended] = adapter.answer([questions[9]])
        assert ended.failure in (None, Failure.EMPTY)
        assert ended.text == adapter.tokenizer.decode(written[:first]), (
            "what ends the answer is no word of it"
        )
    finally:
        adapter.network.generation_config.eos_token_id = own


def test_a_bad_film_fails_alone(adapter, questions) -> None:
    bad = replace(questions[0], images=(Path("missing.png"),))
    replies = adapter.answer([questions[0], bad, questions[9]])
    assert [reply.failure is Failure.CRASHED for reply in replies] == [False, True, False]
    assert adapter.loglikelihood([bad]) == [()]


def test_a_question_without_its_fields_is_asked_as_it_stands() -> None:
    for task in PROMPTS:
        asked = Question("1", Kind.TEXT, "As it stands {x}.", task=task)
        assert worded(asked) in ("As it stands {x}.", PROMPTS[task])
    assert worded(Question("1", Kind.TEXT, "As it stands {x}.")) == "As it stands {x}."


def test_what_is_another_model_or_none_is_refused(adapter, tmp_path) -> None:
    with pytest.raises(UsageError, match="not in CheXagent-2's layout"):
        CheXagent(adapter.network, object(), name="other")
    with pytest.raises(DataError, match="cannot be loaded"):
        CheXagent.load(str(tmp_path), trust_remote_code=True)


def test_python_that_does_not_run_here_is_told(folder, tmp_path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    source = broken / "modeling_chexagent.py"
    source.write_text("assert False, 'needs transformers 4.40.0'\n" + source.read_text())
    with pytest.raises(DataError, match=r"needs transformers 4\.40\.0"):
        CheXagent.load(str(broken), trust_remote_code=True)


def test_a_film_of_any_depth_is_handed_over_as_eight_bits(adapter, tmp_path) -> None:
    from hilum.bench.adapters.chexagent import _films

    [path] = films(tmp_path, 1)
    (tmp_path / "out").mkdir()
    [given] = _films(Question("1", Kind.TEXT, "?", (path,)), tmp_path / "out")
    assert (read_image(given).pixels == read_image(path).pixels).all()
