"""Whether a text compares with an earlier study, so that it cannot be written from one study alone.

speaks_of_change("The heart is unchanged.")      # True
"""

from __future__ import annotations

import re

from hilum.reports.words import marks

_EARLIER = re.compile(
    r"\b(?:compar(?:ed|ison)|prior|previous(?:ly)?|preceding|interval|again|since the)\b", re.IGNORECASE
)
"""Words that point at an earlier study where no finding has changed."""


def speaks_of_change(text: str) -> bool:
    """Whether a text says that something is new, the same, better, worse or gone, or compares studies."""
    return bool(_EARLIER.search(text)) or any(m.word.change is not None for m in marks(text))
