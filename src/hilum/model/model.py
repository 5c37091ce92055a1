"""The model a person uses: shown pixels, it reports, answers, locates; given words, it draws.

model = hilum.load("quickstart/model")
print(model.report(["pa.dcm", "lateral.dcm"]).findings)

What it is saved as: `hilum.model.run_folder`; from which parts it can be made: `hilum.model.parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from hilum.errors import UsageError, a_text
from hilum.images import Fit, ImageLike, fit, unfit_box
from hilum.model import asking
from hilum.model.answer import Answer, Caveats, Prompt, WrittenReport, check_options
from hilum.model.asking import Images
from hilum.model.build import Bridge, VisionEncoder, build_network, start_codes
from hilum.model.config import ModelConfig, Reads, Writes
from hilum.model.encode import encode, encode_options
from hilum.model.engine import MAX_NEW_TOKENS, Engine, Request, Sampling, TokenPrompt, Written, generate
from hilum.model.grammar import Kind, Masks
from hilum.model.intact import Fingerprint
from hilum.model.likelihood import LogLikelihood, loglikelihood
from hilum.model.limits import Limits, caveats, study_caveats
from hilum.model.network import Network, pixel_values, pooled, see, vision_tower
from hilum.model.parts import assemble
from hilum.model.reranking import rerank
from hilum.model.run_folder import Saved, read_run_folder, write_run_folder
from hilum.model.streaming import text_pieces
from hilum.model.vocabulary import END, Vocabulary
from hilum.model.wording import consistent, present, unrepeated
from hilum.study import ImageIn, Pixels, Position, parse_boxes
from hilum.tokenizer import ImageTokenizer

BATCH = 64
GUIDANCE = 4.0
"""How strongly a drawn picture is led by its text."""
TEMPERATURE = 0.5
"""Of drawn pictures: varied enough for several of one text, led enough to show it."""
CANDIDATES = 10
"""How many pictures are sampled for one that is kept."""


@dataclass
class Model:
    """A network with its vocabulary, its image tokenizer, and how images are fitted to it."""

    network: Network
    vocabulary: Vocabulary
    config: ModelConfig
    image_tokenizer: ImageTokenizer | None = None
    fit: Fit = Fit.CROP
    name: str = "hilum"
    limits: Limits = field(default_factory=Limits)
    fingerprint: Fingerprint | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.config.needs_codes and self.image_tokenizer is None:
            raise UsageError("image_tokenizer", "is missing", "a model that reads or writes codes needs one")
        self.masks = Masks(self.vocabulary, len(self.vocabulary))

    @classmethod
    def new(
        cls,
        config: ModelConfig,
        vocabulary: Vocabulary,
        image_tokenizer: ImageTokenizer | None = None,
        *,
        fit: Fit = Fit.CROP,
        seed: int = 0,
        name: str = "hilum",
    ) -> Model:
        """A model with random weights."""
        network = build_network(config, vocabulary, seed)
        if image_tokenizer is not None and vocabulary.n_codes:
            start_codes(network, vocabulary.first_code, image_tokenizer.code_vectors, seed)
        return cls(network, vocabulary, config, image_tokenizer, fit, name)

    @classmethod
    def of_parts(
        cls,
        language: PreTrainedModel,
        tokenizer: Any,
        *,
        encoder: VisionEncoder | None = None,
        bridge: Bridge = Bridge.MLP,
        image_tokenizer: ImageTokenizer | None = None,
        reads: Reads = Reads.FEATURES,
        writes: Writes = Writes.CODES,
        layout: str | None = None,
        context: int | None = None,
        fit: Fit = Fit.CROP,
        seed: int = 0,
        name: str = "hilum",
        **bridge_options: Any,
    ) -> Model:
        """A pretrained language model given sight, by image codes, by an encoder's features, or both.

        Args:
            language: any causal language model of `transformers`; it is changed in place.
            tokenizer: its own tokenizer; see `Vocabulary.extend`.
            encoder: needed unless the model reads codes alone.
            bridge: what stands between encoder and language model; its weights are new.
            image_tokenizer: needed where codes are read or written.
            layout: a layout of Hilum's for a tokenizer without a chat template.
            context: the longest sequence; the language model's own when None.
            bridge_options: `queries` and `qformer` of a Q-Former, see `hilum.model.build.join`.

        Raises:
            UsageError: a part is missing or does not fit the others.
        """
        assembled = assemble(
            language,
            tokenizer,
            encoder=encoder,
            bridge=bridge,
            image_tokenizer=image_tokenizer,
            reads=reads,
            writes=writes,
            layout=layout,
            context=context,
            seed=seed,
            **bridge_options,
        )
        coded = assembled.config.needs_codes
        return cls(*assembled, image_tokenizer if coded else None, fit, name)

    def prepare(self, pixels: Pixels, size: int | None = None) -> Tensor:
        """Pixels of any size fitted to a square, the encoder's own by default: (H, W) float32 in [0, 1]."""
        size = size or self.config.image_size
        square = pixels if pixels.shape == (size, size) else fit(pixels, size, self.fit)
        return torch.from_numpy(np.ascontiguousarray(square, dtype=np.float32))

    def features(self, pixels_BHW: Tensor) -> Tensor | None:
        """What the encoder sees, (B, P, D); None for a model that reads codes only."""
        return self._look(see, pixels_BHW) if self.config.sees_features else None

    def pooled_features(self, pixels_BHW: Tensor) -> Tensor:
        """What the encoder makes of images, averaged over their places: (B, D).

        The image tokenizer stands in for a model that reads codes alone.
        """
        if self.config.sees_features:
            return self._look(pooled, pixels_BHW)
        assert self.image_tokenizer is not None
        return self.image_tokenizer.pooled(pixels_BHW)

    @torch.inference_mode()
    def _look(self, what: Callable[[Network, Tensor], Tensor], pixels_BHW: Tensor) -> Tensor:
        tower = vision_tower(self.network)
        device, training = next(tower.parameters()).device, tower.training
        values = pixel_values(pixels_BHW.to(device), self.config.pixel_mean, self.config.pixel_std)
        # Whatever is being trained: an encoder that is only looked through must not learn from it.
        tower.eval()
        try:
            return what(self.network, values)
        finally:
            tower.train(training)

    def answer(
        self,
        prompts: Sequence[Prompt],
        *,
        n: int = 1,
        temperature: float = 0.0,
        top_p: float = 1.0,
        max_new_tokens: int | None = None,
        seed: int = 0,
    ) -> list[list[Answer]]:
        """Answer each prompt `n` times; see `hilum.model.Answerer`.

        Prompts are batched by length; images and prompt are run once for all `n`. A picture that is sampled
        is the best of `CANDIDATES`.
        """
        if isinstance(prompts, Prompt):
            raise UsageError("prompts", "are one prompt", "give a list: answer([prompt])")
        sampling = Sampling(n, temperature, top_p, _cap(max_new_tokens), seed, GUIDANCE)
        ready = [replace(self.tokenize(prompt), number=i) for i, prompt in enumerate(prompts)]
        written = [i for i, prompt in enumerate(prompts) if not prompt.draw]
        drawn = [i for i, prompt in enumerate(prompts) if prompt.draw]
        answers = self._generate(ready, prompts, written, sampling)
        if drawn:
            wide = replace(sampling, n=n * CANDIDATES) if temperature > 0 else sampling
            for i, candidates in self._generate(ready, prompts, drawn, wide).items():
                pictures = self._paint(candidates)
                answers[i] = rerank(self, prompts[i], pictures, n) if len(pictures) > n else pictures
        return [answers[i] for i in range(len(prompts))]

    def stream(
        self,
        prompt: Prompt,
        *,
        temperature: float = 0.0,
        top_p: float = 1.0,
        max_new_tokens: int | None = None,
        seed: int = 0,
    ) -> Iterator[str]:
        """The text of one answer in pieces, as it is written; joined they are what `answer` gives.

        Raises:
            UsageError: the prompt asks for a picture.
        """
        if not isinstance(prompt, Prompt):
            raise UsageError("prompt", f"is a {type(prompt).__name__}", "make one, see hilum.model.asking")
        if prompt.draw:
            raise UsageError("prompt", "asks for a picture, which has no text", "use answer or draw")
        sampling = Sampling(1, temperature, top_p, _cap(max_new_tokens), seed, GUIDANCE)
        engine = Engine(self.network, self.masks)
        engine.add(Request(self.prepare_prompt(prompt), sampling))
        return text_pieces((event.token for event in engine.run()), self.vocabulary.decode)

    def loglikelihood(
        self, prompt: Prompt, options: Sequence[str], *, closed: bool = False
    ) -> list[LogLikelihood]:
        """How likely each option is as the answer; the prompt and its images are run once for all.

        Args:
            closed: count the token that ends the answer too, so that "no" does not stand for all that
                begins with it.

        Raises:
            UsageError: the options are none, blank, given twice, or hold a control token.
        """
        check_options(options)
        end = [self.vocabulary.id(END)] if closed else []
        ids = encode_options(options, self.vocabulary, self.config)
        return loglikelihood(self.network, self.prepare_prompt(prompt), [[*i, *end] for i in ids])

    def prepare_prompt(self, prompt: Prompt) -> TokenPrompt:
        """A prompt as `hilum.model.engine` takes it: token ids, and what the encoder sees in its images."""
        [ready] = self._with_features([self.tokenize(prompt)], [prompt])
        return ready

    def _generate(
        self,
        ready: Sequence[TokenPrompt],
        prompts: Sequence[Prompt],
        chosen: Sequence[int],
        sampling: Sampling,
    ) -> dict[int, list[Answer]]:
        """Answers to the chosen prompts, in batches of like length."""
        order = sorted(chosen, key=lambda i: (ready[i].kind, len(ready[i].ids)))
        step = max(1, BATCH // sampling.n)
        answers: dict[int, list[Answer]] = {}
        for start in range(0, len(order), step):
            some = order[start : start + step]
            batch = self._with_features([ready[i] for i in some], [prompts[i] for i in some])
            for i, sequences in zip(some, generate(self.network, batch, self.masks, sampling), strict=True):
                answers[i] = [self._answer(sequence) for sequence in sequences]
        return answers

    def tokenize(self, prompt: Prompt) -> TokenPrompt:
        """A prompt as token ids, its images' codes among them where the model reads codes."""
        if prompt.draw and self.config.writes is not Writes.CODES:
            raise UsageError(self.name, "does not write images", "use a model trained with writes=codes")
        codes = iter(())
        if self.config.reads is not Reads.FEATURES and prompt.images:
            assert self.image_tokenizer is not None
            side = self.image_tokenizer.config.image_size
            pixels = torch.stack([self.prepare(image, side) for image in prompt.images])
            codes = iter(self.image_tokenizer.encode(pixels).tolist())
        shown = sum(isinstance(part, ImageIn) for message in prompt.messages for part in message.parts)
        if shown != len(prompt.images):
            raise UsageError(
                "prompt", f"{shown} images are named, {len(prompt.images)} given", "give each its pixels"
            )
        encoded = encode(
            prompt.messages, self.vocabulary, self.config, codes_of=lambda _: next(codes), answer=True
        )
        kind = Kind.OPTION if prompt.options else Kind.WORDS
        kind = Kind.DRAW if prompt.draw else Kind.BOX if prompt.locate else kind
        options = encode_options(prompt.options, self.vocabulary, self.config) if prompt.options else ()
        count = self.image_tokenizer.codes_per_image if self.image_tokenizer else 0
        negative = (
            encode(asking.ANY_PICTURE, self.vocabulary, self.config, answer=True).ids if prompt.draw else ()
        )
        return TokenPrompt(encoded.ids, None, kind, count, negative=negative, options=options)

    def _with_features(self, ready: Sequence[TokenPrompt], prompts: Sequence[Prompt]) -> list[TokenPrompt]:
        """Prompts with what the encoder, run once, sees in all of their images."""
        images = [self.prepare(image) for prompt in prompts for image in prompt.images]
        if not images or not self.config.sees_features:
            return list(ready)
        seen = self.features(torch.stack(images))
        assert seen is not None
        parts = torch.split(seen, [len(prompt.images) for prompt in prompts])
        return [
            replace(r, features=part if len(part) else None) for r, part in zip(ready, parts, strict=True)
        ]

    def _answer(self, written: Written) -> Answer:
        first = self.vocabulary.first_code
        codes = tuple(i - first for i in written.ids if self.vocabulary.is_code(i))
        text = self.vocabulary.decode(written.ids)
        return Answer(text, parse_boxes(text), codes, None, len(written.ids), written.finished)

    def _paint(self, candidates: Sequence[Answer]) -> list[Answer]:
        """Turn the codes of drawn answers into pictures."""
        assert self.image_tokenizer is not None
        codes = torch.tensor([candidate.codes for candidate in candidates])
        batches = [self.image_tokenizer.decode(batch).cpu() for batch in torch.split(codes, BATCH)]
        pictures = torch.cat(batches).numpy()
        return [replace(answer, image=image) for answer, image in zip(candidates, pictures, strict=True)]

    def caveats(self, images: Sequence[Pixels] = ()) -> Caveats:
        """What a reader must know before believing what is said of images; see `hilum.model.limits`."""
        return caveats(self, images)

    def report(
        self, images: Images, *, indication: str | None = None, max_new_tokens: int | None = None
    ) -> WrittenReport:
        """Report a study: findings and impression, both from the images.

        No sentence is repeated, and the impression says nothing that the findings do not bear out; see
        `hilum.model.wording`. The images are shown as those of a study were in training: frontal ones first,
        at most `config.views`, each with its view in words where the study or a DICOM header says it.

        Args:
            images: a `Study`, an image or several: paths, PIL images or pixels, see `hilum.images.ImageLike`.
            indication: why the study was made.
            max_new_tokens: of findings and of impression; `MAX_NEW_TOKENS` when None.
        """
        [report] = self.reports([(images, indication)], max_new_tokens=max_new_tokens)
        return report

    def reports(
        self, studies: Sequence[tuple[Images, str | None]], *, max_new_tokens: int | None = None
    ) -> list[WrittenReport]:
        """Report several studies at once, each as `report` would.

        Args:
            studies: the images of each, and why it was made.
        """
        given = [asking.radiographs_of(images) for images, _ in studies]
        known = [study_caveats(self, study) for study in given]
        indications = [why for _, why in studies]
        prompts = [
            prompt(study, why, self.config.views)
            for prompt in (asking.findings_prompt, asking.impression_prompt)
            for study, why in zip(given, indications, strict=True)
        ]
        answers = self.answer(prompts, max_new_tokens=max_new_tokens)
        texts = [unrepeated(answer.text) for [answer] in answers]
        written = zip(indications, texts[: len(given)], texts[len(given) :], known, strict=True)
        return [
            WrittenReport(why or "", "", findings, consistent(impression, findings), caveats)
            for why, findings, impression, caveats in written
        ]

    def changes(self, pairs: Sequence[tuple[ImageLike, ImageLike, str]]) -> list[dict[str, str]]:
        """What became, since an earlier image, of each finding that a report states.

        Args:
            pairs: of each patient the earlier image, the present one, and the findings reported of that.

        Returns:
            For each, finding → what the model says, a word of `hilum.study.Change` mostly.
        """
        asked = []
        for prior, image, findings in pairs:
            before, now = asking.radiographs_of([prior, image])
            asked.append(asking.change_prompts(before, now, findings, self.config.views))
        answers = iter(self.answer([prompt for prompts in asked for prompt in prompts.values()]))
        return [{finding: next(answers)[0].text for finding in prompts} for prompts in asked]

    def ask(self, images: Images, question: str, *, options: Sequence[str] | None = None) -> Answer:
        """Answer a question about the images of a study.

        Args:
            images: a `Study`, an image or several, see `hilum.images.ImageLike`.
            question: one question.
            options: texts of which the answer must be one, at the cost of one answer; to know how likely
                each of them is, see `loglikelihood`.

        Raises:
            UsageError: the options are none, blank, given twice, or hold a control token.
        """
        a_text(question, "question", "ask one question at a time", blank=False)
        pixels = asking.pixels_of(images)
        known = self.caveats(pixels)
        [[answer]] = self.answer([asking.shown(pixels, question, options=options)])
        return replace(answer, caveats=known)

    def locate(self, image: ImageLike, phrase: str) -> Answer:
        """Find a phrase in one image: an answer with one box, in fractions of the image given, or none.

        A finding that the model's own report of the image does not state is not found (`found` is False).
        A phrase that names no finding ("left lung") always gets its box, and `found` is None. The model sees
        the image fitted to its square; the box is brought back to the image's own frame.
        """
        a_text(phrase, "phrase", "look for one phrase at a time", blank=False)
        given = asking.radiographs_of(image)
        if len(given) > 1:
            raise UsageError("image", f"is {len(given)} images", "look in one at a time")
        pixels = given[0].pixels
        known = self.caveats([pixels])
        wanted = present(phrase)
        if wanted:
            [[findings]] = self.answer([asking.findings_prompt(given, None, self.config.views)])
            if not wanted & present(findings.text):
                return Answer("not found", found=False, caveats=known)
        [[answer]] = self.answer([asking.locate_prompt(pixels, phrase)])
        height, width = pixels.shape
        boxes = tuple(unfit_box(box, (height, width), self.fit) for box in answer.boxes)
        return replace(answer, boxes=boxes, found=True if wanted else None, caveats=known)

    def draw(
        self,
        text: str,
        *,
        position: Position = Position.PA,
        n: int = 1,
        seed: int = 0,
        temperature: float = TEMPERATURE,
    ) -> list[Answer]:
        """Draw `n` different pictures of a report; each answer holds `image` (H, W) in [0, 1]."""
        prompt = asking.draw_prompt(text, position)
        [answers] = self.answer([prompt], n=n, temperature=temperature, seed=seed)
        return [replace(answer, caveats=self.caveats()) for answer in answers]

    def weights_hash(self) -> str:
        """Twelve hex digits that name the weights: those saved with them, unless they were changed since."""
        if self.fingerprint is None or not self.fingerprint.holds(self.network):
            self.fingerprint = Fingerprint.of(self.network)
        return self.fingerprint.digits

    def provenance(self) -> dict[str, str]:
        """Which weights gave an answer, and when."""
        return {"model": self.name, "weights": self.weights_hash(), "date": now()}

    def save(self, folder: str | Path) -> Path:
        """Write the run folder in one step; one that Hilum wrote before is replaced.

        Raises:
            UsageError: the folder holds something that Hilum did not write.
        """
        saved = Saved(
            self.network,
            self.vocabulary,
            self.config,
            self.image_tokenizer,
            self.fit,
            self.name,
            self.limits,
            self.weights_hash(),
        )
        return write_run_folder(saved, folder)

    @classmethod
    def load(cls, folder: str | Path) -> Model:
        """Read a run folder, or the `model/` inside a quickstart folder.

        Raises:
            DataError: the folder is missing, unfinished or damaged.
        """
        saved = read_run_folder(folder)
        model = cls(*saved[:-1]).to_gpu()
        if saved.weights is not None:
            model.fingerprint = Fingerprint.saved(saved.weights, model.network)
        return model

    def to_gpu(self) -> Model:
        """Move the network and the image tokenizer to the GPU, where there is one."""
        if torch.cuda.is_available():
            for part in filter(None, (self.network, self.image_tokenizer)):
                nn.Module.to(part, "cuda")
        return self


def _cap(max_new_tokens: int | None) -> int:
    return MAX_NEW_TOKENS if max_new_tokens is None else max_new_tokens


def now() -> str:
    """The date and time that an answer carries."""
    return datetime.now(UTC).isoformat(timespec="seconds")
