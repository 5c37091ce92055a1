"""What a report states to be there, in the fewest words: what a picture of it has to show.

in_brief("Small left effusion, unchanged. The heart is normal.")     # "Small left pleural effusion."

A report says the same in a hundred ways, and most of its words are of what is not there. A model that draws
learns several times sooner from the facts in words that are always the same.
"""

from __future__ import annotations

from hilum.reports.facts import extract_facts
from hilum.reports.phrases import capital, phrase
from hilum.study import Finding, Presence

NOTHING = "No abnormality."


def in_brief(text: str) -> str:
    """The findings that a text states or suspects, each as a sentence of its usual words, in their order.

    `NOTHING` where all that the text states is absent; the text itself where it states no fact at all.
    """
    facts = extract_facts(text)
    if not facts:
        return text
    there = [f for f in facts if f.presence is not Presence.ABSENT and f.finding is not Finding.NO_FINDING]
    return " ".join(f"{capital(phrase(fact))}." for fact in there) or NOTHING
