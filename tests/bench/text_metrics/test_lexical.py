"""Each metric of words equals the program that papers report by, and its paper's own example."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.meteor_score import single_meteor_score
from rouge_score.rouge_scorer import RougeScorer

from bench.text_metrics.pairs import WORDS, pairs
from hilum.bench.text_metrics import bleu, cider, meteor, rouge
from hilum.errors import UsageError

COCO = {
    "bleu_1": [0.757377049, 0.500000000, 0.573865336, 0.641049977, 0.571428571, 0.666666667, 0.333333333],
    "bleu_2": [0.491271070, 0.408248290, 0.138775224, 0.000000007, 0.000000007, 0.280056017, 0.288675135],
    "bleu_3": [0.369091220, 0.346680637, 0.000000880, 0.000000000, 0.000000000, 0.000001699, 0.228335570],
    "bleu_4": [0.296338710, 0.277761903, 0.000000002, 0.000000000, 0.000000000, 0.000000004, 0.000037531],
    "cider_d": [2.519606606, 3.172403906, 0.722553771, 1.657947976, 1.112910136, 1.948148282, 2.242258296],
    "rouge_l_coco": [
        0.542972737,
        0.709302326,
        0.355569948,
        0.367913148,
        0.343661972,
        0.388888889,
        0.549549550,
    ],
    "cider": [3.210779798, 4.489367633, 2.225622301, 1.914476435, 1.521109195, 2.233881739, 3.696858947],
}
"""pycocoevalcap 1.2 on `pairs(40, 1)`, `cider` by its authors' own program: the corpus, then six pairs."""


def measured(references, candidates):
    return {
        value.name: value
        for metric in (bleu, rouge, cider, meteor)
        for value in metric(references, candidates).values
    }


@pytest.mark.parametrize("name", sorted(set(COCO) - {"rouge_l_coco"}))
def test_values_are_those_of_the_coco_caption_evaluation(name):
    found = measured(*pairs(40, 1))[name]
    np.testing.assert_allclose([found.corpus, *found.pairs[:6]], COCO[name], atol=1e-8)


def test_rouge_l_is_that_of_the_coco_caption_evaluation():
    # Its program has a word of no letters in an empty text, so the pairs without one are compared.
    found = rouge(*(side[:40] for side in pairs(40, 1)))["rouge_l_coco"]
    np.testing.assert_allclose([found.corpus, *found.pairs[:6]], COCO["rouge_l_coco"], atol=1e-8)


def test_all_values_are_those_of_pycocoevalcap_where_it_is_installed():
    scorers = pytest.importorskip("pycocoevalcap.bleu.bleu_scorer")
    captions = pytest.importorskip("pycocoevalcap.cider.cider")
    references, candidates = pairs()
    found = measured(references, candidates)
    scorer = scorers.BleuScorer(n=4)
    for reference, candidate in zip(references, candidates, strict=True):
        scorer += (candidate, [reference])
    corpus, each = scorer.compute_score(option="closest")
    for n in range(4):
        assert found[f"bleu_{n + 1}"].corpus == pytest.approx(corpus[n], abs=1e-9)
        np.testing.assert_allclose(found[f"bleu_{n + 1}"].pairs, each[n], atol=1e-9)
    sides = ({i: [text] for i, text in enumerate(side)} for side in (references, candidates))
    corpus, each = captions.Cider().compute_score(*sides)
    assert found["cider_d"].corpus == pytest.approx(corpus, abs=1e-9)
    np.testing.assert_allclose(found["cider_d"].pairs, each, atol=1e-9)


def test_bleu_is_sacrebleu_s_where_every_order_has_a_match():
    references, candidates = pairs()
    found = bleu(references, candidates)
    for n in range(1, 5):
        peer = sacrebleu.BLEU(max_ngram_order=n, tokenize="none", smooth_method="none", force=True)
        theirs = peer.corpus_score(candidates, [references]).score / 100
        assert found[f"bleu_{n}"].corpus == pytest.approx(theirs, abs=1e-9)


def test_bleu_clips_repeated_words_as_in_its_paper():
    found = bleu(["the cat is on the mat"], ["the the the the the the the"])
    assert found["bleu_1"].corpus == pytest.approx(2 / 7)


def test_rouge_is_that_of_rouge_score():
    references, candidates = pairs()
    found = rouge(references, candidates)
    names = {"rouge1": "rouge_1", "rouge2": "rouge_2", "rougeL": "rouge_l"}
    peer = RougeScorer(list(names), use_stemmer=True)
    theirs = [peer.score(r, c) for r, c in zip(references, candidates, strict=True)]
    for name, ours in names.items():
        np.testing.assert_allclose(found[ours].pairs, [one[name].fmeasure for one in theirs], atol=1e-9)


class Dictionary:
    """What NLTK asks of WordNet, with one synset."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def synsets(self, word: str) -> list[Dictionary]:
        return [self] if word in self.words else []

    def lemmas(self) -> list[Lemma]:
        return [Lemma(word) for word in self.words]

    def synonyms(self, word: str) -> set[str]:
        return set(self.words) if word in self.words else set()


class Lemma:
    def __init__(self, word: str) -> None:
        self.word = word

    def name(self) -> str:
        return self.word


@pytest.mark.parametrize("dictionary", [None, Dictionary("heart", "cardiac", "small", "stabl")])
def test_meteor_is_nltk_s(dictionary):
    references, candidates = pairs()
    found = meteor(references, candidates, synonyms=dictionary.synonyms if dictionary else None)
    theirs = [
        single_meteor_score(r.split(), c.split(), wordnet=dictionary or Dictionary())
        for r, c in zip(references, candidates, strict=True)
    ]
    np.testing.assert_allclose(found["meteor"].pairs, theirs, atol=1e-9)


texts = st.lists(st.sampled_from(WORDS), min_size=0, max_size=12).map(" ".join)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=6))
def test_no_value_leaves_its_range(some):
    references, candidates = map(list, zip(*some, strict=True))
    for name, value in measured(references, candidates).items():
        most = 10 if name.startswith("cider") else 1
        assert 0 <= value.corpus <= most + 1e-6, name
        assert ((value.pairs >= 0) & (value.pairs <= most + 1e-6)).all(), name


@given(st.lists(texts.filter(bool), min_size=1, max_size=5))
def test_a_copy_of_the_reference_is_perfect_by_words(some):
    found = measured(some, some)
    lengths = [len(text.split()) for text in some]
    alphanumeric = all(any(letter.isalnum() for letter in text) for text in some)
    np.testing.assert_allclose(found["bleu_1"].pairs, 1, atol=1e-6)
    np.testing.assert_allclose(found["rouge_l_coco"].pairs, 1)
    np.testing.assert_allclose(found["meteor"].pairs, [1 - 0.5 / n**3 for n in lengths])
    if alphanumeric:
        np.testing.assert_allclose(found["rouge_l"].pairs, 1)


@pytest.mark.parametrize("metric", [bleu, rouge, cider, meteor])
@pytest.mark.parametrize(
    ("references", "candidates", "problem"),
    [
        (["a"], ["a", "b"], "are 2 for 1 references"),
        ([], [], "are empty"),
        ("a", ["a"], "are one text"),
        (["a"], [None], "is a NoneType"),
    ],
)
def test_what_is_no_list_of_pairs_is_refused(metric, references, candidates, problem):
    with pytest.raises(UsageError, match=problem):
        metric(references, candidates)
