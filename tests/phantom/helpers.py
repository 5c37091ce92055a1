"""Visits and studies the phantom's tests share."""

import hashlib
from dataclasses import replace

import numpy as np

from hilum.phantom import PhantomConfig, only, truth
from hilum.phantom.course import admit

SIZE = 96


def visit_with(finding, *, seed=11, patient=0, portable=False, **changes):
    """A visit with one finding (or none); `changes` go to its sign."""
    config = PhantomConfig(
        prevalence=only(finding) if finding else only(), portable=float(portable), lateral=1.0, followup=0.0
    )
    visit = admit(seed, patient, 1, config)[0]
    return replace(visit, signs=tuple(replace(sign, **changes) for sign in visit.signs))


def picture(visit, position, *, size=SIZE, noise=0.0):
    return truth.render(visit, position, PhantomConfig(size=size, noise=noise))


def visible_in(visit, position, *, size=SIZE):
    return truth.look(truth.shadow(visit, position, size), visit, 0)


def without(visit):
    """The same patient, breath and exposure with no sign."""
    return replace(visit, signs=())


def box_mask(box, size):
    x1, y1, x2, y2 = (round(v * size) for v in box)
    mask = np.zeros((size, size), bool)
    mask[y1:y2, x1:x2] = True
    return mask


def load_digest(view):
    return hashlib.sha256(view.load().tobytes()).hexdigest()
