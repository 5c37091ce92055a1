"""Any language model, any encoder: trained, saved, and read by `transformers` in a process without Hilum."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from hilum.model import Bridge, Model, Reads, Writes, encode
from hilum.model.encode import Encoded
from hilum.model.engine import Sampling, TokenPrompt, generate
from hilum.model.network import logits, read
from hilum.study import ImageIn, ImageOut, Message, Text
from hilum.training import FitConfig, fit
from hilum.training.examples import collate
from hilum.training.objectives import NextToken
from model import stock
from model.helpers import image_tokenizer, picture

PAIRS = (
    *(("codes", name) for name in stock.LANGUAGES),
    ("siglip", "llama"),
    ("siglip", "phi"),
    ("dinov2", "gpt_neox"),
    ("dinov2", "qwen3"),
    ("clip", "mistral"),
    ("clip", "gemma3"),
    ("resnet", "gpt_neox"),
    ("resnet", "gemma3"),
    ("convnext", "llama"),
    ("blip2", "phi"),
    ("blip2", "mistral"),
)
ALONE = """
import json, sys, torch
from PIL import Image
from torch import Tensor
sys.modules["hilum"] = None
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer

image, question = Image.open(sys.argv[1]).convert("RGB"), sys.argv[2]
chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
for line in sys.stdin:
    folder, codes = json.loads(line)
    if codes:
        model = AutoModelForCausalLM.from_pretrained(folder).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        inputs = tokenizer(text.replace("<|image|>", codes), return_tensors="pt", add_special_tokens=False)
        inputs = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    else:
        model = AutoModelForImageTextToText.from_pretrained(folder).eval()
        processor = AutoProcessor.from_pretrained(folder)
        text = processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        inputs = processor(images=[image], text=[text], return_tensors="pt", add_special_tokens=False)
    with torch.inference_mode():
        logits = model(**inputs).logits[0, -1].tolist()
        out = model.generate(**inputs, max_new_tokens=12)[0]
    prompt = inputs["input_ids"].shape[1]
    new = out[prompt:] if len(out) > prompt else out
    print(json.dumps({"ids": inputs["input_ids"][0].tolist(), "logits": logits, "answer": new.tolist()}))
"""
QUESTION = "Is there a nodule?"
FILM = (picture(0) * 255).round().astype(np.uint8)


def model_of(sight: str, text: str) -> Model:
    language, tokenizer = stock.language(text), stock.tokenizer()
    layout = stock.LAYOUTS[text]
    if sight == "codes":
        return Model.of_parts(
            language,
            tokenizer,
            image_tokenizer=image_tokenizer(),
            reads=Reads.CODES,
            writes=Writes.CODES,
            layout=layout,
        )
    options = {"bridge": Bridge.QFORMER, **stock.QFORMER} if sight == "blip2" else {}
    return Model.of_parts(
        language, tokenizer, encoder=stock.encoder(sight), writes=Writes.NOTHING, layout=layout, **options
    )


def conversation(model: Model) -> tuple[Message, ...]:
    told = [Text("Small left pleural effusion.")]
    asked = [ImageIn("0"), Text(QUESTION)]
    more = ()
    if model.config.writes is Writes.CODES:
        more = (Message("user", (Text("Draw it."),)), Message("assistant", (ImageOut("0"),)))
    return (Message("user", tuple(asked)), Message("assistant", tuple(told)), *more)


def train(model: Model, run_dir) -> None:
    codes = None
    if model.image_tokenizer is not None:
        pixels = torch.stack([model.prepare(picture(0))])
        codes = {"0": model.image_tokenizer.encode(pixels)[0].tolist()}.__getitem__
    row = encode(conversation(model), model.vocabulary, model.config, codes_of=codes)
    features = None
    if model.config.sees_features:
        features = model.features(torch.stack([model.prepare(picture(0))])).clone()
    batch = collate([(np.array(row.ids), np.array(row.targets))], features, model.vocabulary.id("<|pad|>"))
    settings = FitConfig(steps=3, lr=3e-3, trainable=(r"(?!.*vision_(tower|model)).*",))
    fit(NextToken(model), lambda _: batch, settings, run_dir, progress=False)


Asked = tuple[Model, Encoded, Tensor | None]


def asked(model: Model) -> tuple[Asked, str]:
    """A prompt about the film, and how its image is written where it is codes."""
    prompt = (Message("user", (ImageIn("0"), Text(QUESTION))),)
    pixels = torch.stack([model.prepare(FILM.astype(np.float32) / 255)])
    if model.config.sees_features:
        encoded = encode(prompt, model.vocabulary, model.config, answer=True)
        return (model, encoded, model.features(pixels)), ""
    codes = model.image_tokenizer.encode(pixels)[0].tolist()
    encoded = encode(prompt, model.vocabulary, model.config, codes_of=lambda _: codes, answer=True)
    names = model.vocabulary.tokenizer.convert_ids_to_tokens(list(encoded.ids))
    return (model, encoded, None), "".join(names[names.index("<|codes|>") : names.index("<|/codes|>") + 1])


@pytest.fixture(scope="module")
def answered(tmp_path_factory) -> dict[tuple[str, str], tuple[Asked, Asked, dict]]:
    """Of each pair the model as saved and as loaded, both asked, and what `transformers` says."""
    folder = tmp_path_factory.mktemp("stock")
    Image.fromarray(FILM).save(folder / "film.png")
    saved, loaded, lines = [], [], []
    for sight, text in PAIRS:
        model = model_of(sight, text)
        train(model, folder / f"fit-{sight}-{text}")
        model.network.eval()
        run = model.save(folder / f"{sight}-{text}")
        saved.append(asked(model)[0])
        again, words = asked(Model.load(run))
        loaded.append(again)
        lines.append(json.dumps([str(run), words]))
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(folder / "film.png"), QUESTION],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    alone = [json.loads(line) for line in done.stdout.splitlines()]
    return dict(zip(PAIRS, zip(saved, loaded, alone, strict=True), strict=True))


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_transformers_alone_answers_as_hilum_does(pair, answered) -> None:
    saved, loaded, alone = answered[pair]
    assert alone["ids"] == list(loaded[1].ids) == list(saved[1].ids)
    mine = last_logits(*loaded)
    torch.testing.assert_close(torch.tensor(alone["logits"]), mine, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(last_logits(*saved), mine, rtol=1e-5, atol=1e-5)
    answer = greedy(*loaded)
    assert alone["answer"][: len(answer)] == answer


def test_every_model_saw_the_picture(answered) -> None:
    for pair, (_, (model, encoded, features), _) in answered.items():
        if features is not None:
            moved = (last_logits(model, encoded, features + 1) - last_logits(model, encoded, features)).abs()
            assert moved.max() > 1e-6, pair


def last_logits(model: Model, encoded: Encoded, features: Tensor | None) -> Tensor:
    """What may follow a prompt."""
    with torch.inference_mode():
        hidden = read(model.network, torch.tensor([encoded.ids]), features, use_cache=False)
        return logits(model.network, hidden.last_hidden_state[:, -1])[0]


def greedy(model: Model, encoded: Encoded, features: Tensor | None) -> list[int]:
    """What Hilum's engine writes."""
    prompt = TokenPrompt(encoded.ids, features)
    [[written]] = generate(model.network, [prompt], model.masks, Sampling(max_new_tokens=12))
    return list(written.ids)
