"""Metrics that compare words: BLEU, ROUGE, METEOR, CIDEr, each by its formula on arrays.

bleu(["no effusion"], ["small effusion"])["bleu_1"].corpus

Each equals the implementation that papers report by (named in its docstring) to 1e-6. One reference a report.
Shape suffixes: R resamples, N pairs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np
from rapidfuzz.distance import LCSseq

from hilum.bench.intervals import Array, Statistic
from hilum.bench.text_metrics.ngrams import Order, Side, Split, Tokens
from hilum.bench.text_metrics.scores import Scores, Value, require_pairs
from hilum.errors import DataError

_MOST = 4
"""Longest n-grams of BLEU and CIDEr."""
_SIGMA = 6.0
"""Standard deviation of CIDEr-D's penalty on length, in bigrams."""
_BETA = 1.2
"""Weight of recall in ROUGE-L as the COCO caption evaluation has it."""
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")
Synonyms = Callable[[str], Collection[str]]
"""A word in lower case to words that mean the same."""


def _scores(metric: str, pairs: int, values: Sequence[Value]) -> Scores:
    return Scores(metric, 1, "hilum", version("hilum"), pairs, tuple(values))


def bleu(references: Sequence[str], candidates: Sequence[str], split: Split = str.split) -> Scores:
    """BLEU-1 to BLEU-4 (Papineni et al., ACL 2002), in [0, 1]: `bleu_1` … `bleu_4`.

    Of all pairs: geometric mean of the corpus's n-gram precisions, with its brevity penalty. Of one
    pair: the same of it alone. Equal to `pycocoevalcap` and RadEval, which add 1e-15 to each count of matches
    and 1e-9 to each total, so that a report without a match scores nearly 0; where every order has a match it
    is equal to `sacrebleu` without smoothing.

    Args:
        split: a text to its tokens; white space divides them by default, and case and punctuation count.

    Raises:
        UsageError: there are no pairs, or more of the one than of the other.
    """
    require_pairs(references, candidates)
    tokens = Tokens.of(references, candidates, split)
    reference_length, candidate_length = tokens.lengths()
    orders = list(tokens.orders(_MOST))
    matches = np.stack([order.matches for order in orders])
    totals = np.stack([np.maximum(0, candidate_length - order.n + 1) for order in orders])

    def up_to(n: int) -> Statistic:
        def statistic(weights_RN: Array) -> Array:
            lengths = weights_RN @ candidate_length, weights_RN @ reference_length
            return _bleu(weights_RN @ matches[:n].T, weights_RN @ totals[:n].T, *lengths)

        return statistic

    return _scores(
        "bleu",
        tokens.pairs,
        [
            Value.of(
                f"bleu_{n}",
                _bleu(matches[:n].T, totals[:n].T, candidate_length, reference_length),
                up_to(n),
            )
            for n in range(1, _MOST + 1)
        ],
    )


def _bleu(matches_RK: Array, totals_RK: Array, candidate_length_R: Array, reference_length_R: Array) -> Array:
    tiny, small = 1e-15, 1e-9
    precision = ((matches_RK + tiny) / (totals_RK + small)).prod(1) ** (1 / matches_RK.shape[1])
    ratio = (candidate_length_R + tiny) / (reference_length_R + small)
    scores: Array = precision * np.exp(np.minimum(0, 1 - 1 / ratio))
    return scores


def rouge(references: Sequence[str], candidates: Sequence[str]) -> Scores:
    """ROUGE-1, ROUGE-2 and ROUGE-L (Lin, 2004), F1 in [0, 1]; the corpus value is the mean of the pairs'.

    `rouge_1`, `rouge_2`, `rouge_l`: lower case, letters and digits alone, Porter's stems, as `rouge-score`
    and RadEval have them. `rouge_l_coco`: words divided by white space, F with β = 1.2, which weighs recall
    more, as `pycocoevalcap` and most papers on report generation have it.

    Raises:
        UsageError: there are no pairs, or more of the one than of the other.
    """
    require_pairs(references, candidates)
    tokens = Tokens.of(references, candidates, _stems)
    values = [
        Value.mean_of(f"rouge_{order.n}", _f1(order.matches, *_totals(order))) for order in tokens.orders(2)
    ]
    values.append(Value.mean_of("rouge_l", _f1(_common_subsequence(tokens), *tokens.lengths())))
    words = Tokens.of(references, candidates, str.split)
    f_beta = _f1(_common_subsequence(words), *words.lengths(), beta=_BETA)
    values.append(Value.mean_of("rouge_l_coco", f_beta))
    return _scores("rouge", tokens.pairs, values)


def _totals(order: Order) -> tuple[Array, Array]:
    return order.totals(order.reference), order.totals(order.candidate)


def _f1(common_N: Array, reference_N: Array, candidate_N: Array, beta: float = 1.0) -> Array:
    precision, recall = common_N / np.maximum(1, candidate_N), common_N / np.maximum(1, reference_N)
    below = recall + beta**2 * precision
    return np.divide((1 + beta**2) * precision * recall, below, out=np.zeros(len(below)), where=below > 0)


def _common_subsequence(tokens: Tokens) -> Array:
    """Length of each pair's longest common subsequence: (N,)."""
    pairs = zip(tokens.texts[: tokens.pairs], tokens.texts[tokens.pairs :], strict=True)
    return np.array([LCSseq.similarity(*pair) for pair in pairs], dtype=np.float64)


def _stems(text: str) -> list[str]:
    words = _NOT_ALPHANUMERIC.sub(" ", text.lower()).split()
    return [_stem(word) if len(word) > 3 else word for word in words]


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    # Imported here since NLTK takes a second to load.
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    stemmed: str = _stemmer().stem(word)
    return stemmed


def meteor(
    references: Sequence[str],
    candidates: Sequence[str],
    split: Split = str.split,
    synonyms: Synonyms | None = None,
) -> Scores:
    """METEOR (Lavie & Agarwal, WMT 2007), in [0, 1]: `meteor`; the corpus value is the mean of the pairs'.

    Words are matched in lower case, then by Porter's stems, then by synonyms; F-mean weighs recall nine times
    as much as precision, and a penalty of up to one half counts how broken the order of the matches is. Equal
    to `nltk.translate.meteor_score` on the same tokens and synonyms. This is not METEOR 1.5, the Java program
    that many papers report by, whose weights and paraphrases differ.

    Args:
        split: a text to its tokens.
        synonyms: such as `wordnet_synonyms()`; by default no synonyms count.

    Raises:
        UsageError: there are no pairs, or more of the one than of the other.
    """
    require_pairs(references, candidates)

    @cache
    def words(text: str) -> list[str]:
        return [token.lower() for token in split(text)]

    found = [_meteor(words(r), words(c), synonyms) for r, c in zip(references, candidates, strict=True)]
    return _scores("meteor", len(found), [Value.mean_of("meteor", np.array(found, dtype=np.float64))])


def _meteor(reference: list[str], candidate: list[str], synonyms: Synonyms | None) -> float:
    left, right = dict(enumerate(candidate)), dict(enumerate(reference))
    matched = _match(left, right, lambda word: (word,))
    for table in (left, right):
        table.update((place, _stem(word)) for place, word in table.items())
    matched |= _match(left, right, lambda word: (word,))
    if synonyms is not None:
        # As NLTK has it, synonyms are those of stems.
        given = synonyms
        matched |= _match(left, right, lambda word: {word, *given(word)})
    if not matched:
        return 0.0
    precision, recall = len(matched) / len(candidate), len(matched) / len(reference)
    f_mean = precision * recall / (0.9 * precision + 0.1 * recall)
    chunks = sum(matched.get(place - 1, -2) + 1 != other for place, other in matched.items())
    return float((1 - 0.5 * (chunks / len(matched)) ** 3) * f_mean)


def _match(left: dict[int, str], right: dict[int, str], same: Synonyms) -> dict[int, int]:
    """Places of the candidate's words to places of the reference's, each used once; both are taken out.

    From the last word back, each is matched to the last one left that is the same.
    """
    places: dict[str, list[int]] = {}
    for place in sorted(right):
        places.setdefault(right[place], []).append(place)
    matched = {}
    for place in sorted(left, reverse=True):
        there = [places[word] for word in same(left[place]) if places.get(word)]
        if there:
            matched[place] = max(there, key=lambda some: some[-1]).pop()
            del left[place], right[matched[place]]
    return matched


def wordnet_synonyms() -> Synonyms:
    """Synonyms by WordNet, as NLTK finds it on this machine.

    Raises:
        DataError: it is not there.
    """
    from nltk.corpus import wordnet

    try:
        wordnet.ensure_loaded()
    except LookupError as error:
        remedy = "download it with python -m nltk.downloader wordnet, or score without synonyms"
        raise DataError("WordNet", "is not on this machine", remedy) from error

    @cache
    def synonyms(word: str) -> frozenset[str]:
        names = (lemma.name() for synset in wordnet.synsets(word) for lemma in synset.lemmas())
        return frozenset(name for name in names if "_" not in name)

    return synonyms


def cider(references: Sequence[str], candidates: Sequence[str], split: Split = str.split) -> Scores:
    """CIDEr and CIDEr-D (Vedantam et al., CVPR 2015), in [0, 10]: `cider`, `cider_d`.

    Cosine of n-gram counts weighted by how rare an n-gram is in the references, mean over n = 1 … 4, times
    10. CIDEr-D clips counts that exceed the reference's and penalises unlike lengths; it is what
    `pycocoevalcap` (and most papers) call CIDEr, and equal to it. Without stemming, as both public programs
    have it. Rarity is that of all given references, in every resample of the interval as well.

    Raises:
        UsageError: there are no pairs, or more of the one than of the other.
    """
    require_pairs(references, candidates)
    tokens = Tokens.of(references, candidates, split)
    orders = list(tokens.orders(_MOST))
    # As in the authors' program, length is counted in bigrams.
    reference_length, candidate_length = _totals(orders[1])
    penalty = np.exp(-((candidate_length - reference_length) ** 2) / (2 * _SIGMA**2))
    plain, clipped = (sum(cosines) for cosines in zip(*map(_cosines, orders), strict=True))
    return _scores(
        "cider",
        tokens.pairs,
        [
            Value.mean_of("cider", 10 / _MOST * plain),
            Value.mean_of("cider_d", 10 / _MOST * clipped * penalty),
        ],
    )


def _cosines(order: Order) -> tuple[Array, Array]:
    """Similarity of each pair by one length of n-grams, plain and with clipped counts: (N,) both."""
    texts = np.bincount(order.reference.gram, minlength=order.grams)
    rarity = np.log(order.pairs) - np.log(np.maximum(1, texts))

    def weights(side: Side) -> Array:
        return np.asarray(side.count * rarity[side.gram], dtype=np.float64)

    reference, candidate = weights(order.reference), weights(order.candidate)
    norms = np.sqrt(np.bincount(order.reference.pair, reference**2, order.pairs))
    norms = norms * np.sqrt(np.bincount(order.candidate.pair, candidate**2, order.pairs))
    norms[norms == 0] = 1
    shared, other = reference[order.of_reference], candidate[order.of_candidate]
    return order.added(other * shared) / norms, order.added(np.minimum(other, shared) * shared) / norms
