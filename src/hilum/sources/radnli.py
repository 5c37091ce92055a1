"""RadNLI: pairs of sentences of radiology reports, judged as entailment, contradiction or neither.

hilum build --source radnli=FOLDER --out DIR

Full name: RadNLI, A Natural Language Inference Dataset for the Radiology Domain 1.0.0. Access: credentialed
(PhysioNet). Licence: PhysioNet Credentialed Health Data License 1.5.0. Files: `radnli_dev_v1.jsonl`,
`radnli_test_v1.jsonl`: JSON lines with pair_id, sentence1, sentence2, gold_label. Citation: Miura et al.,
NAACL 2021.

An example is `TextExample(INFERENCE, (premise, hypothesis), gold_label)` with three options. There is nothing
to train on; both orders of a pair occur, as two examples. No patients are named: each pair counts as one.
"""

from __future__ import annotations

from collections.abc import Iterator

from hilum.errors import DataError
from hilum.sources.base import PHYSIONET, SPLITS, Request, Seen, Source, parts_there
from hilum.sources.json_rows import json_lines, words_of
from hilum.study import Study, TextExample, TextKind

FILES = ("radnli_dev_v1.jsonl", "radnli_test_v1.jsonl")
OPTIONS = ("entailment", "neutral", "contradiction")


def read(request: Request) -> Iterator[Study]:
    """One study per pair, without images."""
    files = parts_there(request, FILES, "download RadNLI", "pairs")
    seen = Seen(request.problems)
    for path in files:
        part = path.name.split("_")[1]
        for where, row in json_lines(path, request.problems):
            texts = words_of(row.get("sentence1")), words_of(row.get("sentence2"))
            label, number = words_of(row.get("gold_label")).lower(), words_of(row.get("pair_id"))
            problem = None
            if not (all(texts) and number):
                problem = "has no pair_id or not two sentences"
            elif label not in OPTIONS:
                problem = f"has a gold_label that is none of {', '.join(OPTIONS)}"
            if problem:
                request.problems.add(DataError(where, problem, "it is left out"))
                continue
            identifier = f"radnli/{part}-{number}"
            if not seen.again(identifier):
                example = TextExample(TextKind.INFERENCE, texts, label, OPTIONS)
                yield Study(identifier, identifier, "radnli", (), texts=(example,), split=SPLITS[part])


SOURCE = Source(
    name="radnli",
    summary="960 pairs of report sentences with entailment, contradiction or neither",
    files="radnli_dev_v1.jsonl, radnli_test_v1.jsonl",
    terms=PHYSIONET,
    citation="Miura et al., Improving Factual Completeness and Consistency, NAACL 2021",
    read=read,
    access="credentialed",
)
