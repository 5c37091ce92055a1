"""Reading an answer as one of the options, other orders of the options, and other items' images."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.bench.adapters import Kind, Question
from hilum.bench.chexbench.protocol import (
    likeliest,
    pick,
    published_pick,
    shift_of,
    shifted,
    with_others_images,
    without_images,
)

VIEWS = ("PA", "AP", "lateral")
SIDES = ("left pleural effusion", "right pleural effusion", "no pleural effusion")


@pytest.mark.parametrize(
    ("text", "options", "place"),
    [
        ("(A)", VIEWS, 0),
        ("(b)", VIEWS, 1),
        ("C", VIEWS, 2),
        ("c", VIEWS, 2),
        ("a)", VIEWS, 0),
        ("B.", VIEWS, 1),
        ("B: AP", VIEWS, 1),
        ("B, as the scapulae overlap", VIEWS, 1),
        ("Answer: B", VIEWS, 1),
        ("**Answer:** (B)", VIEWS, 1),
        ("The answer is B because of the heart.", VIEWS, 1),
        ("The answer is A because of the heart.", VIEWS, 0),
        ("The correct option is (c) lateral.", VIEWS, 2),
        ("Options: (A) PA, (B) AP, (C) lateral. Answer: (B)", VIEWS, 1),
        ("(B) AP", VIEWS, 1),
        ("lateral", VIEWS, 2),
        ("Lateral.", VIEWS, 2),
        ("It is an AP view.", VIEWS, 1),
        ("A lateral film", VIEWS, 2),
        ("Answer: A lateral film", VIEWS, 2),
        ("It is AP, not PA.", VIEWS, 1),
        ("There is no pleural effusion.", SIDES, 2),
        ("A left pleural effusion is seen.", SIDES, 0),
        ("Yes, it does.", ("yes", "no"), 0),
        ("No", ("yes", "no"), 1),
        ("No evidence of edema. There is a fracture.", ("edema", "fracture"), 1),
        ("The heart is not normal. Edema is seen.", ("edema", "fracture"), 0),
        ("1.5 cm", ("1.5 cm", "2.5 cm"), 0),
        ("A", ("A", "B"), 0),
        # Not one option alone: unparsed, and so wrong.
        ("", VIEWS, None),
        ("A", ("B", "A"), None),
        ("(A) or (B)", VIEWS, None),
        ("PA or AP", VIEWS, None),
        ("not PA", VIEWS, None),
        ("(D)", VIEWS, None),
        ("(A) AP", VIEWS, None),
        ("A.P. view", VIEWS, None),
        ("C-spine hardware", VIEWS, None),
        ("I cannot tell.", VIEWS, None),
        ("Es ist eine seitliche Aufnahme", VIEWS, None),
        ("Yes and no.", ("yes", "no"), None),
        # A "no" that opens nothing is no answer.
        ("I'm sorry, but I am an AI with no ability to read films.", ("Yes", "No"), None),
        ("There is a large pneumothorax with no effusion.", ("Yes", "No"), None),
        ("Yes. A pneumothorax is seen, with no effusion.", ("Yes", "No"), 0),
        ("The answer is no, there is none.", ("Yes", "No"), 1),
    ],
)
def test_what_an_answer_picks(text, options, place):
    assert pick(text, options) == place


WORD = st.text("efghijklmnopqrstuvwxyz", min_size=3, max_size=8).filter(lambda word: word != "not")
OPTIONS = st.lists(WORD, min_size=2, max_size=4, unique=True)
FORMS = (
    "({})",
    "{}",
    "{})",
    "{}.",
    "Answer: {}",
    "Answer: ({})",
    "The answer is ({}).",
    "Option {}",
    "**({})**",
)


def test_a_letter_that_is_an_article_is_no_other_option_s_words():
    assert pick("(A)", ["eee", "the"]) == 0


@given(OPTIONS, st.data())
def test_every_form_of_a_letter_is_read(options, data):
    place = data.draw(st.integers(0, len(options) - 1))
    letter = data.draw(st.sampled_from(["ABCD"[place], "abcd"[place]]))
    form = data.draw(st.sampled_from(FORMS))
    assert pick(form.format(letter), options) == place


@given(OPTIONS, st.data())
def test_an_options_own_words_are_read_whatever_their_case(options, data):
    place = data.draw(st.integers(0, len(options) - 1))
    text = data.draw(st.sampled_from((options[place], options[place].upper(), f" {options[place]}.\n")))
    assert pick(text, options) == place


@given(st.text(max_size=40), st.lists(st.text(max_size=10), min_size=2, max_size=4))
def test_any_answer_to_any_options_is_a_place_or_none(text, options):
    assert pick(text, options) in (None, *range(len(options)))


@given(OPTIONS, st.text(max_size=30))
def test_a_pick_does_not_depend_on_order_where_words_are_given(options, text):
    words = f"{text.translate(dict.fromkeys(map(ord, 'ABCDabcd')))}"
    place = pick(words, options)
    turned = pick(words, options[1:] + options[:1])
    assert (place is None) == (turned is None)
    if place is not None:
        assert options[place] == (options[1:] + options[:1])[turned]


def test_the_published_rule_knows_capitals_in_round_brackets_alone():
    said = ("x (B) (A)", "B", "(b)", "(Z)")
    assert [published_pick(text) for text in said] == [1, None, None, 25]


def test_the_likeliest_option_is_none_where_it_is_tied_or_no_number():
    assert likeliest((-3.0, -1.0, -2.0), VIEWS) == 1
    assert likeliest((-1.0, -1.0, -2.0), VIEWS) is None
    assert likeliest((-2.0, -2.0, -1.0), VIEWS) == 2
    assert likeliest((float("nan"), -1.0, -2.0), VIEWS) is None
    assert likeliest((float("-inf"),) * 3, VIEWS) is None
    assert likeliest((-1.0, -2.0), VIEWS) is None
    assert likeliest((), VIEWS) is None


def question(name="q", options=VIEWS, images=("a.png",)):
    return Question(name, Kind.CHOICE, "?", tuple(map(Path, images)), options)


@given(st.integers(0, 99), st.integers(2, 4), st.text(max_size=5))
def test_another_order_is_another_and_each_option_is_where_it_is_said_to_be(seed, count, name):
    asked = question(name, ("w", "x", "y", "z")[:count])
    by = shift_of(seed, asked)
    moved = shifted(asked, by)
    assert 1 <= by < count
    assert moved.options != asked.options
    assert all(moved.options[j] == asked.options[(j + by) % count] for j in range(count))


def test_a_blind_question_is_the_same_but_for_its_images():
    blind = without_images(question())
    assert (blind.images, blind.options, blind.prompt) == ((), VIEWS, "?")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 2)), min_size=1, max_size=30), st.integers(0, 9))
def test_no_item_gets_images_of_its_own_cluster(made, seed):
    clusters = [str(cluster) for cluster, _ in made]
    asked = [
        question(f"q{i}", images=[f"{i}-{j}" for j in range(count)]) for i, (_, count) in enumerate(made)
    ]
    found = with_others_images(asked, clusters, seed)
    owner = {image: clusters[i] for i, q in enumerate(asked) for image in q.images}
    for i, q in found.items():
        assert len(q.images) == len(asked[i].images)
        assert all(owner[image] != clusters[i] for image in q.images)
    used = [image for q in found.values() for image in q.images]
    assert len(used) == len(set(used))
    for count in (1, 2):
        group = [i for i, (_, images) in enumerate(made) if images == count]
        largest = max((sum(clusters[i] == name for i in group) for name in clusters), default=0)
        if 2 * largest <= len(group):
            assert set(group) <= set(found)
