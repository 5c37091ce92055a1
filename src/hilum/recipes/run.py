"""One run from studies to a benchmarked model; what is already made is left as it is.

run(nano(seed=0), Path("quickstart"), [SourceSpec("phantom", None)])

The folder: data/ (shards), tokenizer/, supervised/ (the model before alignment), model/ (after),
work/ (what each stage made, under its key), report.html, report.json. Changing one stage of the recipe makes
it and what follows anew; see `hilum.recipes.keys`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hilum import bench
from hilum.align import align
from hilum.bench import BenchResult, Classifier
from hilum.errors import DataError, UsageError
from hilum.files import MARK, atomic_path, sweep, write_json
from hilum.images import Frame
from hilum.instruct import Shards, build
from hilum.instruct.records import GRID
from hilum.instruct.selection import LeftOut, kept_back
from hilum.instruct.splits import kept_for_alignment
from hilum.instruct.text_only import TextOnly
from hilum.model import Model, Reads, VisionEncoder, Vocabulary
from hilum.model.limits import Limits
from hilum.model.network import embedding_std
from hilum.model.ood import FeatureStatistics
from hilum.model.pretrained import load_encoder, load_language
from hilum.progress import headline
from hilum.recipes.config import Recipe, TextStage
from hilum.recipes.examples import align_prompts, batches_of, left_out_of, write_examples
from hilum.recipes.keys import Keys, key
from hilum.recipes.made import Made, read_json
from hilum.sources import SourceSpec
from hilum.study import Finding, Split, Text
from hilum.tokenizer import ImageTokenizer, encode_images
from hilum.tokenizer.codes import as_pixels
from hilum.training import fit, train_decoder, train_tokenizer
from hilum.training.distributed import ALONE, World
from hilum.training.encoder import (
    Clinical,
    Encoder,
    ImageBatches,
    PerceptualFeatures,
    gather_targets,
    install,
)
from hilum.training.examples import FeatureFile, TokenFile
from hilum.training.lora import fit_lora, require_peft
from hilum.training.objectives import NextToken
from hilum.training.perceptual import perceptual_error

LABELLED = tuple(finding for finding in Finding if finding is not Finding.NO_FINDING)[:26]
"""What the encoder learns to see: the findings that sources label or the phantom draws."""

CLASSIFIED = 20_000
"""Most pictures that the independent classifier learns from; it holds them in memory."""


MEASURED = 2048
"""Most training and most validation images by which the model later tells what is unlike them."""


class Run:
    """The stages of one run, each a property that is made at most once and kept on disk.

    Args:
        out: the run folder.
        specs: what to build the shards from; the names of its sources stay the same in one folder.
        data: shards to use instead.
        store: where the stages' results are kept, `out/work` when None; several runs may share one.
        world: the processes that train the language model together; all else the first of them makes, and the
            others then find made.
        command: printed in the benchmark's protocol.
    """

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        specs: Sequence[SourceSpec] = (),
        data: Path | None = None,
        store: Path | None = None,
        world: World = ALONE,
        command: str = "",
    ) -> None:
        self.recipe, self.out, self.specs, self.given, self.world = recipe, out, specs, data, world
        self.command = command
        self.work = store or out / "work"
        self.sources = [
            [spec.name, str(spec.path) if spec.path else None, *map(list, spec.columns)] for spec in specs
        ]
        # Before the hours that come first:
        if any(stage.lora for stage in recipe.stages):
            require_peft()
        for stage in recipe.stages:
            world.require_parts(stage.schedule.accumulate)
            if recipe.model.sees_features:
                stage.require_frozen_encoder()
        self.text_only = None if recipe.text_only is None else TextOnly.named(recipe.text_only)
        self._made = Made(out)
        self._made.claim(self._settings())
        for folder in (self.out, self.work):  # what is whole is not written again, which would clear up
            sweep(folder)

    def _settings(self) -> dict[str, Any]:
        """What the folder is of."""
        settings = {"recipe": asdict(self.recipe), "sources": self.sources, "data_key": self._asked_for()}
        return settings if self.given is None else {**settings, "data": str(self.given.resolve())}

    def _asked_for(self) -> str:
        """What data a run folder is of: the shards given, or what was to be built of which sources."""
        if self.given is not None:
            return self.shards.digest
        recipe = self.recipe
        return key(self.sources, recipe.studies, recipe.image_size, recipe.seed, recipe.model.views)

    @cached_property
    def keys(self) -> Keys:
        """By what each stage's result is found again."""
        return Keys(self.recipe, self.shards.digest)

    def _place(self, name: str, key: str) -> Path:
        """Where a stage's result is kept."""
        return self.work / f"{name}-{key}"

    @property
    def _frame(self) -> Frame:
        """The square in which the run sees images."""
        return Frame(self.recipe.image_size, self.recipe.fit)

    @cached_property
    def shards(self) -> Shards:
        """Conversations, images and truth: those given, or built here from the sources."""
        if self.given is not None:
            return Shards(self.given, self._frame)
        data = self.out / "data"
        if not data.is_dir():
            build(
                self.specs,
                data,
                size=self.recipe.image_size,
                limit=self.recipe.studies,
                seed=self.recipe.seed,
                views=self.recipe.model.views,
            )
        return Shards(data, self._frame)

    @cached_property
    def left_out(self) -> dict[str, LeftOut]:
        """Stage → what it does without; that it leaves something is known before anything is trained.

        Raises:
            DataError: there is nothing to learn from.
        """
        if next(self.shards.conversations(Split.TRAIN), None) is None:
            remedy = "add a source with reports, labels or questions"
            raise DataError(self.shards.folder, "holds no conversation in train", remedy)
        share = self.recipe.align_share
        return {stage.name: left_out_of(stage, self.shards, share) for stage in self.recipe.stages}

    @cached_property
    def encoder(self) -> Encoder:
        """What sees findings and their places, before any words."""
        recipe = self.recipe
        # A model that reads codes alone has no encoder, its tokenizer learns from one.
        sizes = replace(recipe.model, reads=Reads.FEATURES)
        encoder = Encoder(sizes, len(LABELLED), GRID**2, recipe.seed)
        learned = (
            record
            for record in self.shards.records(Split.TRAIN)
            if not kept_for_alignment(record.source, record.patient, recipe.align_share)
        )
        ids, targets = gather_targets(learned, LABELLED, GRID**2)
        places, pixels = np.array([self._row_of[image] for image in ids]), self.pixels
        weights = targets.weights if len(set(targets.sources)) > 1 else None
        batches = ImageBatches(
            lambda rows: pixels[places[rows]], targets, recipe.encoder_batch, recipe.seed, weights
        )
        fit(
            Clinical(encoder),
            batches,
            recipe.encoder_fit,
            self._place("encoder", self.keys.encoder),
        )
        return encoder

    def _sample(self) -> Tensor:
        """Pixels of some training images, to take the measure of features by."""
        return as_pixels(np.array(self.pixels[: self.recipe.sample_images]))

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {image: row for row, image in enumerate(self.shards.image_ids(Split.TRAIN))}

    def _pixels_of(self, images: Sequence[str]) -> npt.NDArray[np.uint8]:
        """Grey levels of some training images (N, H, W)."""
        levels: npt.NDArray[np.uint8] = self.pixels[[self._row_of[image] for image in images]]
        return levels

    @cached_property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """Grey levels of the training images (N, H, W), in the order of their ids: a memory map."""
        path, size, step = self._place("pixels", f"{self.keys.pixels}.npy"), self.recipe.image_size, 512
        if not path.is_file():
            ids = self.shards.image_ids(Split.TRAIN)
            with atomic_path(path) as tmp:
                array = np.lib.format.open_memmap(
                    tmp, mode="w+", dtype=np.uint8, shape=(len(ids), size, size)
                )
                for start in range(0, len(ids), step):
                    array[start : start + step] = self.shards.pixels_many(ids[start : start + step])
                array.flush()
                with tmp.open("ab") as file:
                    file.write(MARK.encode())  # behind the array, where its reader does not look
        levels: npt.NDArray[np.uint8] = np.load(path, mmap_mode="r")
        return levels

    @cached_property
    def clinical(self) -> PerceptualFeatures:
        """What the run's encoder sees, for the clinical loss of the image tokenizer."""
        return PerceptualFeatures(self.encoder, self._sample())

    @cached_property
    def tokenizer(self) -> ImageTokenizer:
        """Images to codes and back."""
        folder, made_by, recipe = self.out / "tokenizer", self.keys.decoder, self.recipe
        if self._made.lacks("tokenizer", made_by):
            seen = self.clinical if recipe.trains_encoder else None
            judged = None if recipe.perceptual is None else perceptual_error(recipe.perceptual)
            place = self._place("tokenizer", self.keys.tokenizer)
            tokenizer = train_tokenizer(
                self.pixels,
                recipe.tokenizer,
                recipe.tokenizer_stage,
                place,
                clinical=seen,
                perceptual=judged,
            )
            if recipe.decoder_stage is not None:
                place = self._place("decoder", made_by)
                tokenizer = train_decoder(
                    self.pixels, tokenizer, recipe.decoder_stage, place, clinical=seen, perceptual=judged
                )
            tokenizer.save_pretrained(folder)
            self._made.note("tokenizer", made_by)
        return ImageTokenizer.from_pretrained(folder)

    @cached_property
    def codes(self) -> dict[str, npt.NDArray[np.int64]]:
        """Codes of the training images."""
        ids = list(self.shards.image_ids(Split.TRAIN))
        return encode_images(self.tokenizer, ids, self._pixels_of, self._place("codes", self.keys.pixels))

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Report language, learned from the training split alone."""
        texts = (
            part.text
            for conversation in self.shards.conversations(Split.TRAIN)
            for message in conversation.messages
            for part in message.in_words
            if isinstance(part, Text)
        )
        coded = self.recipe.model.needs_codes
        return Vocabulary.learn(
            texts,
            n_codes=self.tokenizer.n_codes if coded else 0,
            rows=self.recipe.tokenizer.grid if coded else 0,
            size=self.recipe.model.vocabulary_size,
        )

    @cached_property
    def supervised(self) -> Model:
        """The model after instruction tuning, before alignment."""
        folder = self.out / ("model" if self.recipe.align is None else "supervised")
        made_by = self.keys.supervised
        with self.world.in_turn():
            lacking = self._made.lacks(folder.name, made_by)
            if lacking:
                model = self._untaught()
                for stage in self.recipe.stages:
                    stage.require_frozen_encoder(name for name, _ in model.network.named_parameters())
                features = self._features(model)
                examples = self._examples(model)
        if lacking:
            for stage in self.recipe.stages:
                self._teach_text(model, stage, examples, features)
            if self.world.first:
                replace(model, limits=self._limits(model)).save(folder)
                self._made.note(folder.name, made_by)
        with self.world.in_turn():
            return Model.load(folder)

    def _untaught(self) -> Model:
        """The model before any conversation: new, or made of pretrained parts, with the run's own encoder."""
        recipe = self.recipe
        if recipe.text is None:
            model = Model.new(
                recipe.model,
                self.vocabulary,
                self.tokenizer if recipe.model.needs_codes else None,
                fit=recipe.fit,
                seed=recipe.seed,
                name=recipe.name,
            )
        else:
            language, text_tokenizer = load_language(recipe.text)
            model = Model.of_parts(
                language,
                text_tokenizer,
                encoder=self._sight() if recipe.model.sees_features else None,
                bridge=recipe.bridge,
                image_tokenizer=self.tokenizer if recipe.model.needs_codes else None,
                reads=recipe.model.reads,
                writes=recipe.model.writes,
                layout=recipe.layout,
                context=recipe.model.context,
                fit=recipe.fit,
                seed=recipe.seed,
                name=recipe.name,
            )
        if model.config.sees_features and recipe.vision is None:
            size = None if recipe.text is None else embedding_std(model.network)
            install(self.encoder, model, self._sample(), recipe.seed, size)
        views = self.shards.views
        if views != model.config.views:
            headline("views", f"{views} of a study at most, as the shards were built with")
        model.config = replace(model.config, views=views)
        return model.to_gpu()

    def _sight(self) -> VisionEncoder:
        """The pretrained encoder, or the one that this run has trained."""
        if self.recipe.vision is not None:
            encoder, side = load_encoder(self.recipe.vision), self.recipe.image_size
            if encoder.image_size != side:
                problem = f"reads images of {encoder.image_size} pixels, the run's have {side}"
                remedy = f"--set image_size={encoder.image_size}"
                raise UsageError(self.recipe.vision, problem, remedy)
            return encoder
        return VisionEncoder(self.encoder.tower, self.recipe.image_size)

    def _limits(self, model: Model) -> Limits:
        """What the model has seen; the threshold comes from validation images, never from test ones."""
        seen = Counter(source for (source,) in self.shards.columns("studies", Split.TRAIN, ("source",)))
        unseen = self.shards.image_ids(Split.VAL)[:MEASURED]
        if not unseen:
            return Limits(seen)
        spread = np.linspace(0, len(self.pixels) - 1, min(MEASURED, len(self.pixels))).astype(int)
        levels = (self.pixels[spread], self.shards.pixels_many(unseen))
        training, validation = (
            torch.cat([model.pooled_features(batch) for batch in torch.split(as_pixels(some), 64)])
            for some in levels
        )
        return Limits(seen, FeatureStatistics.fit(training.cpu(), validation.cpu()))

    def _features(self, model: Model) -> FeatureFile | None:
        if not model.config.sees_features:
            return None
        ids = list(self.shards.image_ids(Split.TRAIN))
        path = self._place("features", f"{self.keys.features}.npy")
        if path.is_file():
            return FeatureFile(path, ids)
        return FeatureFile.write(path, ids, self._pixels_of, model)

    def _examples(self, model: Model) -> TokenFile:
        path = self._place("tokens", f"{self.keys.tokens}.arrow")
        if path.is_file():
            return TokenFile(path)
        codes_of = (lambda image: self.codes[image].tolist()) if model.config.needs_codes else None
        return write_examples(path, self.shards, self.text_only, model, codes_of)

    def _teach_text(
        self, model: Model, stage: TextStage, examples: TokenFile, features: FeatureFile | None
    ) -> None:
        left, drawn_by = self.left_out[stage.name], self.shards.mixture
        batches = batches_of(stage, examples, features, left, model, self.recipe.seed, drawn_by)
        objective = NextToken(model, stage.code_weight, stage.length_exponent)
        place = self._place(stage.name, self.keys.stages[stage.name])
        if stage.lora is None:
            fit(objective, batches, stage.schedule, place, world=self.world)
        else:
            fit_lora(objective, batches, stage.schedule, place, stage.lora, world=self.world)

    @cached_property
    def model(self) -> Model:
        """The aligned model, or the supervised one of a recipe that does not align."""
        if self.recipe.align is None:
            return self.supervised
        folder, made_by = self.out / "model", self.keys.align
        if self._made.lacks("model", made_by):
            kept = kept_back(self.shards, Split.TRAIN, self.recipe.align_share)
            prompts = align_prompts(self.shards, kept.studies, self.recipe.align_prompts)
            # Tuning moves weights in place, and the benchmark compares with the model as it was.
            model, settings = deepcopy(self.supervised), self.recipe.align
            result = align(model, prompts, settings, self.work)
            write_json(self.out / "align.json", {"made_by": MARK, **result.to_json()})
            model.save(folder)
            self._made.note("model", made_by)
        return Model.load(folder)

    @cached_property
    def bench(self) -> BenchResult:
        """The aligned model beside the supervised one on the test split."""
        recipe = self.recipe
        return bench.run(
            self.model,
            self.shards,
            limit=recipe.bench_limit,
            judged_limit=recipe.bench_reports,
            seed=recipe.seed,
            trained=bench.Trained.of(self.shards),
            classifier=self._classifier(),
            compare=None if recipe.align is None else self.supervised,
            base_model=[part for part in (recipe.text, recipe.vision) if part is not None],
            command=self.command,
        )

    @property
    def curves(self) -> dict[str, Path]:
        """Stage → the history of its loss, for the stages that have one."""
        keys = self.keys
        made = {"encoder": keys.encoder, "tokenizer": keys.tokenizer, "decoder": keys.decoder, **keys.stages}
        made["classifier"] = keys.classifier
        paths = {name: self._place(name, by) / "history.jsonl" for name, by in made.items()}
        held = read_json(self.out / "align.json")
        rounds = held["rounds"] if isinstance(held, dict) else []
        for number, one in enumerate(rounds, start=1):
            paths["align" if len(rounds) == 1 else f"align {number}"] = self.work / one["fit"]["history"]
        return {name: path for name, path in paths.items() if path.is_file()}

    def _classifier(self) -> Classifier | None:
        """The independent judge of drawn pictures; None where no source's images are labelled throughout."""
        seen = bench.classifier_data(self.shards, Split.TRAIN, limit=CLASSIFIED)
        if not len(seen.images):
            return None
        return bench.train_classifier(
            seen.images,
            seen.labels,
            self._place("classifier", self.keys.classifier),
            sides=seen.sides,
            grades=seen.grades,
            seed=self.recipe.seed,
            steps=self.recipe.classifier_steps,
        )


def each_stage(run: Run) -> Iterable[tuple[str, Callable[[], object]]]:
    """The stages in order, by the names the console shows."""
    yield "build", lambda: run.left_out
    if run.recipe.trains_encoder:
        yield "see", lambda: run.encoder
    if run.recipe.model.needs_codes:
        yield "tokenize", lambda: run.tokenizer
    yield "train", lambda: run.supervised
    if run.recipe.align is not None:
        yield "align", lambda: run.model
    yield "bench", lambda: run.bench
