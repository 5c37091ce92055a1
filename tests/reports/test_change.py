"""A text that compares with an earlier study is told from one that stands alone."""

from __future__ import annotations

import pytest

from hilum.reports.change import speaks_of_change


@pytest.mark.parametrize(
    "text",
    [
        "The heart is unchanged.",
        "New left effusion.",
        "Compared with the prior study, the lungs are clear.",
        "Small effusion. The edema has improved.",
        "The tube is seen again.",
        *(
            f"{words} radiograph."
            for words in ("Comparison", "Prior", "Previous", "Preceding", "INTERVAL", "Since the last")
        ),
        "As previously seen.",
        "Small effusion. Resolved edema.",
        "Worse.",
    ],
)
def test_what_compares_speaks_of_change(text):
    assert speaks_of_change(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Small left effusion.",
        "The heart is enlarged. No pneumothorax.",
        "Priority film.",
        "Held against the wall.",
    ],
)
def test_what_stands_alone_does_not(text):
    assert not speaks_of_change(text)
