"""Drawings are told from what the model learned by heart by the films of its training."""

from __future__ import annotations

import numpy as np

from bench.helpers import Films, record
from hilum.bench.image_metrics import Encoder
from hilum.bench.population import Trained
from hilum.bench.training_films import TrainingFilms
from hilum.study import Position, Split


def brightness(pictures):
    return np.array([[picture.mean()] for picture in pictures])


GREY = Encoder("brightness", brightness)


def test_they_are_frontal_films_that_training_has_seen():
    both = record("a", image_ids=("a-pa", "a-lat"), positions=(Position.PA, Position.LATERAL))
    films = Films(both, *(record(name, Position.AP) for name in "bcd"))
    trained = Trained({"a-pa", "a-lat", "b-image", "c-image"}, set())
    found = TrainingFilms.of(films, trained, GREY)
    assert found.films.shape == (3, 16, 16)
    assert films.asked == ["a-pa", "b-image", "c-image"]
    assert len(TrainingFilms.of(films, trained, GREY, limit=2).films) == 2
    assert TrainingFilms.of(films, None, GREY) is None
    assert TrainingFilms.of(films, Trained({"elsewhere"}, set()), GREY) is None


def test_the_nearest_by_features_need_not_be_the_nearest_by_pixels():
    checks = np.indices((16, 16)).sum(0) % 2
    films = np.stack([250 * checks, np.full((16, 16), 60), np.full((16, 16), 200)]).astype(np.uint8)
    known = TrainingFilms.made(films, GREY)
    # As bright on the whole as the chessboard, but smooth.
    [(by_features, by_pixels)] = known.nearest([np.full((16, 16), 0.45, np.float32)])
    assert np.array_equal(by_features, films[0] / np.float32(255))
    assert np.array_equal(by_pixels, films[1] / np.float32(255))


def test_each_picture_has_its_own_nearest_film_whether_brighter_or_darker():
    levels = (10, 100, 240)
    known = TrainingFilms.made(np.stack([np.full((4, 4), level, np.uint8) for level in levels]), GREY)
    asked = [(230, 240), (110, 100), (0, 10), (70, 100), (255, 240)]
    found = known.nearest([np.full((4, 4), level / 255, np.float32) for level, _ in asked])
    for (by_features, by_pixels), (_, level) in zip(found, asked, strict=True):
        assert round(255 * float(by_features[0, 0])) == round(255 * float(by_pixels[0, 0])) == level


def test_films_are_drawn_by_the_seed_and_of_what_training_decides_by_alone():
    films = Films(*(record(f"s{i}") for i in range(30)))
    trained = Trained({f"s{i}-image" for i in range(30)}, set())
    asked = []
    for options in ({}, {"seed": 0}, {"seed": 1}):
        TrainingFilms.of(films, trained, GREY, limit=10, **options)
        asked.append(films.asked)
    assert asked[0] == asked[1] != asked[2]
    for split, known in ((Split.VAL, True), (Split.TEST, False)):
        held = Films(record("a"), split=split)
        assert (TrainingFilms.of(held, Trained({"a-image"}, set()), GREY) is not None) == known
