"""GREEN's answer in every layout that models give it is read; one that is damaged is never scored."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.judge.green_parser import LETTERS, MOST, Counts, Unparsable, read_counts
from hilum.judge.green_parser import NUMBER_WORDS as WORDS

NAMES = ("Clinically Significant Errors", "Clinically Insignificant Errors", "Matched Findings")
KINDS = (
    "False report of a finding in the candidate",
    "Missing a finding present in the reference",
    "Misidentification of a finding's anatomic location/position",
    "Misassessment of the severity of a finding",
    "Mentioning a comparison that isn't in the reference",
    "Omitting a comparison detailing a change from a prior study",
)
FINDINGS = (
    "No pneumothorax",
    "Small left effusion, 2 cm",
    "Dobbhoff tube (tip in the stomach)",
    "T8 fracture",
)


@dataclass(frozen=True)
class Layout:
    """How an answer looks; the defaults are those of the published model."""

    header: str = "[{}]:"
    case: Callable[[str], str] = str
    label: str = "({})"
    marks: str = LETTERS
    kind: str = "{}: "
    number: Callable[[int], str] = "{}.".format
    zero: str = "0."
    items: str = " {}"
    between: str = "; "
    line: str = "\n"
    block: str = "\n\n"
    before: str = "[Explanation]:\nThe candidate misses 2 findings: see below.\n\n"
    after: str = ""
    sparse: bool = False
    nothing: str = "None."

    def write(self, counts: Counts) -> str:
        blocks = [
            self._errors(counts.significant),
            self._errors(counts.insignificant),
            self._counted(counts.matched),
        ]
        titled = [
            f"{self.header.format(self.case(name))}{self.line[:2]}{body}"
            for name, body in zip(NAMES, blocks, strict=True)
        ]
        return self.before + self.block.join(titled) + self.after

    def _errors(self, errors) -> str:
        if self.sparse and not any(errors.values()):
            return self.nothing
        return self.line.join(
            f"{self.label.format(mark)} {self.kind.format(kind)}{self._counted(errors[letter])}"
            for letter, mark, kind in zip(LETTERS, self.marks, KINDS, strict=True)
            if errors[letter] or not self.sparse
        )

    def _counted(self, number: int) -> str:
        if not number:
            return self.zero
        listed = self.between.join(FINDINGS[i % len(FINDINGS)] for i in range(number))
        return self.number(number) + self.items.format(listed)


OPTIONS = {
    "header": [
        "{}:", "[{}]", "**{}**:", "**{}:**", "**[{}]:**", "**{}**", "### {}", "## [{}]:", "### {}:",
        "- [{}]:", "  [{}]:", "2. {}:", "[{}]: ", "({}):",
    ],
    "case": [str.upper, str.lower, str.capitalize, lambda name: name.replace("Clinically ", "")],
    "label": ["{})", "{}.", "- ({})", "* ({})", "• ({})", "**({})**", "**{})**", "[{}]", "{}:", "  ({})",
              "({}):"],
    "marks": ["123456", LETTERS.upper()],
    "kind": ["", "**{}**: ", "{} – ", "{}:", "{}:  "],
    "number": [
        lambda n: f"{WORDS[n]}.",
        lambda n: f"{WORDS[n].capitalize()}.",
        lambda n: f"{n}:",
        lambda n: f"{n} -",
        lambda n: f"{n} –",
        lambda n: f"{n} errors.",
        lambda n: f"{n} findings:",
        lambda n: f"**{n}**.",
        lambda n: f"{n};",
    ],
    "zero": ["0", "0. ", "None.", "none", "No errors.", "N/A", "zero.", "Zero", "0. None.",
             "0 errors.", "Nil", "0 (none)"],
    "items": [" ({})", "{}", "\n  - {}"],
    "between": [" ; ", ";", ", ", "\n  - "],
    "line": ["\r\n", "\n\n", "\n   ", "\n\n\n"],
    "block": ["\n", "\r\n\r\n", "\n\n\n\n", "\n \n"],
    "before": [
        "",
        "Sure! Here is the assessment.\n\n",
        "<think>\n[Matched Findings]:\n9. Perhaps.\n</think>\n",
        "```\n[Explanation]:\nNone.\n\n",
        "**Explanation:** (a) is wrong, (b) too.\n\n",
    ],
    "after": ["</s>", "\n```", "<|im_end|>\n", "\n\n"],
    "sparse": [True],
    "nothing": ["No clinically significant errors.", "N/A", "There are no errors found.", "None",
                "None found."],
}  # fmt: skip
LAYOUTS = [Layout()] + [
    replace(Layout(sparse=name == "nothing"), **{name: value})
    for name, values in OPTIONS.items()
    for value in values
]

errors = st.lists(st.integers(0, 5), min_size=6, max_size=6).map(lambda n: dict(zip(LETTERS, n, strict=True)))
counts = st.builds(Counts, st.integers(0, 12), errors, errors)


def test_there_are_thirty_layouts_and_more() -> None:
    example = Counts(2, dict.fromkeys(LETTERS, 1) | {"c": 0}, dict.fromkeys(LETTERS, 0))
    assert len({layout.write(example) for layout in LAYOUTS}) >= 30


@pytest.mark.parametrize("layout", LAYOUTS, ids=range(len(LAYOUTS)))
@settings(max_examples=25)
@given(counts=counts)
def test_every_layout_is_read(layout, counts) -> None:
    assert read_counts(layout.write(counts)) == counts


@given(counts=counts, options=st.fixed_dictionaries({
    name: st.sampled_from([getattr(Layout(), name), *values]) for name, values in OPTIONS.items()
}))  # fmt: skip
def test_layouts_mix(counts, options) -> None:
    """Whatever styles come together, an answer is read right or not at all."""
    with suppress(Unparsable):
        assert read_counts(Layout(**options).write(counts)) == counts


SIX = {"a": 1, "b": 2, "c": 0, "d": 0, "e": 1, "f": 0}
WHOLE = Layout().write(Counts(3, SIX, SIX | {"a": 0}))
HEADERS = [f"[{name}]:" for name in NAMES]
LINES = [line for line in WHOLE.split("\n") if re.match(r"\([a-f]\)", line)]
NO_NUMBERS = ("many", "-2", "+2", "1.5", "2/3", "1-2", "2+", "one or two", "?", "", "½", "٣", "a few", "1e1",
              "999", "0x2", "two or more", "#", "several", "NaN",
              "None of them", "<The number of errors>")  # fmt: skip


def without_a_header(text: str, rng: random.Random) -> str:
    return text.replace(
        rng.choice(HEADERS), rng.choice(["", "[Errors]:", "[Hallazgos]:", "<h2>Findings</h2>"])
    )


def without_a_block(text: str, rng: random.Random) -> str:
    return text.replace(next(b for b in rng.sample(text.split("\n\n"), 4) if "Explanation" not in b), "")


def with_an_empty_block(text: str, rng: random.Random) -> str:
    block = next(b for b in rng.sample(text.split("\n\n"), 4) if "Explanation" not in b)
    return text.replace(block, block.split("\n")[0])


def headers_changed_about(text: str, rng: random.Random) -> str:
    one, other = rng.sample(HEADERS, 2)
    return text.replace(one, "\0").replace(other, one).replace("\0", other)


def with_a_block_twice(text: str, rng: random.Random) -> str:
    return f"{text}\n\n{rng.choice(HEADERS)}\n{rng.choice(['None.', '1. No pneumothorax.', LINES[0]])}"


def without_a_letter(text: str, rng: random.Random) -> str:
    return text.replace(f"{rng.choice(LINES)}\n", "", 1)


def with_a_letter_twice(text: str, rng: random.Random) -> str:
    line = rng.choice(LINES)
    return text.replace(
        line, f"{line}\n{line[:4]}Another: {rng.choice(['0.', '1. No effusion.', '3. A; b; c.'])}", 1
    )


def with_a_letter_s_name_lost(text: str, rng: random.Random) -> str:
    line = rng.choice(LINES)
    return text.replace(line, line[rng.choice([2, 3, 4]) :], 1)


def with_two_lines_run_together(text: str, rng: random.Random) -> str:
    line = rng.choice([line for line in LINES if not line.startswith("(a)")])
    return text.replace(f"\n{line}", f" {line}", 1)


def with_no_number(text: str, rng: random.Random) -> str:
    line = rng.choice([*LINES, "3. No pneumothorax"])
    return text.replace(line, re.sub(r"(?<=: )[0-9](?=\.)|^[0-9](?=\.)", rng.choice(NO_NUMBERS), line), 1)


def with_a_number_of_nothing(text: str, rng: random.Random) -> str:
    line = rng.choice([line for line in [*LINES, text.split("\n")[-1]] if not line.endswith("0.")])
    return text.replace(line, re.sub(r"([0-9]\.) .*", rng.choice([r"\1", r"\1 …", r"\1 ;;"]), line), 1)


def with_a_list_of_none(text: str, rng: random.Random) -> str:
    line = rng.choice([*LINES, text.split("\n")[-1]])
    return text.replace(line, re.sub(r"(?<=: )[0-9]\..*|^[0-9]\..*", "0. Edema; nodule", line), 1)


def cut_off(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(text.index(". No pneumothorax", text.index(HEADERS[2])) + 2)]


def as_something_else(text: str, rng: random.Random) -> str:
    return rng.choice([
        f"<html><body>{rng.random()}</body></html>",
        "\n".join(re.sub(r"[A-Za-z]", "ж", line) for line in text.split("\n")),
        text.replace("\n", rng.choice([" ", "<br>", "\\n"])),
        f"Score: {rng.random():.2f}",
        f'{{"matched": {rng.randrange(9)}}}',
        "I'm sorry, but I can't help with that.",
        "The candidate matches the reference. " * rng.randrange(1, 40),
        text[::-1],
    ])  # fmt: skip


DAMAGE = [
    without_a_header, without_a_block, with_an_empty_block, headers_changed_about, with_a_block_twice,
    without_a_letter, with_a_letter_twice, with_a_letter_s_name_lost, with_two_lines_run_together,
    with_no_number, with_a_number_of_nothing, with_a_list_of_none, cut_off, as_something_else,
]  # fmt: skip


def test_no_damaged_answer_of_ten_thousand_is_scored() -> None:
    rng = random.Random(0)
    assert read_counts(WHOLE).matched == 3
    scored = []
    for number in range(10_000):
        damage = DAMAGE[number % len(DAMAGE)]
        text = damage(WHOLE, rng)
        assert text != WHOLE, damage.__name__
        try:
            scored.append((damage.__name__, read_counts(text), text))
        except Unparsable:
            continue
    assert not scored, f"{len(scored)}: {scored[0]}"


@pytest.mark.parametrize("place", range(len(WHOLE.split("\n"))))
def test_a_line_that_is_lost_is_noticed_wherever_it_counts(place) -> None:
    lines = WHOLE.split("\n")
    with suppress(Unparsable):
        assert read_counts("\n".join(lines[:place] + lines[place + 1 :])) == read_counts(WHOLE)


def test_no_letter_is_lost_where_all_have_errors() -> None:
    """Without a 0, letters may be missing: one that is there in a broken form must not be."""
    ones = dict.fromkeys(LETTERS, 1)
    text = Layout().write(Counts(1, ones, ones))
    assert read_counts(text).significant == ones
    for line in (line for line in text.split("\n") if re.match(r"\([b-f]\)", line)):
        for damaged in (text.replace(f"\n{line}", f" {line}", 1), text.replace(line, line[4:], 1)):
            with pytest.raises(Unparsable):
                read_counts(damaged)


def test_the_reason_repeats_nothing_of_the_answer() -> None:
    secret = WHOLE.replace("2. No pneumothorax; Small", "many. Mrs Doe; Small").replace(
        "3. No", "lots. Mrs Doe"
    )
    with pytest.raises(Unparsable) as caught:
        read_counts(secret)
    assert "Doe" not in str(caught.value)


def test_the_score_is_green_s_formula() -> None:
    none = dict.fromkeys(LETTERS, 0)
    assert Counts(3, none | {"b": 2}, none | {"a": 9}).value == 3 / 5
    assert Counts(3, none, none).value == 1
    assert Counts(0, none, none).value == Counts(0, none | {"a": 1}, none).value == 0


SPOKEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)


@pytest.mark.parametrize(
    ("word", "number"),
    [
        *((word, number) for number, word in enumerate(SPOKEN.split())),
        ("0", 0),
        ("007", 7),
    ],
)
def test_numbers_up_to_twenty_may_be_words(word, number) -> None:
    head = WHOLE[: WHOLE.index(HEADERS[2]) + len(HEADERS[2])]
    for said in (word, word.upper()):
        assert read_counts(f"{head}\n{said}. {'Edema' if number else 'None'}").matched == number


def test_a_list_numbered_from_one_counts_its_lines() -> None:
    head = WHOLE[: WHOLE.index(HEADERS[2]) + len(HEADERS[2])]
    assert read_counts(f"{head}\n1. No pneumothorax\n2. Small effusion\n3. T8 fracture").matched == 3
    assert read_counts(f"{head}\n(1) No pneumothorax\n(2) Small effusion").matched == 2
    for unclear in (
        "1. Edema\n3. Mass",
        "2. Edema; mass\n1. Nodule",
        "1. Edema; mass\n2. Nodule",
        "1. Cardiomegaly; 2. Effusion; 3. Edema",
    ):
        with pytest.raises(Unparsable):
            read_counts(f"{head}\n{unclear}")


def test_more_than_a_report_can_hold_is_refused() -> None:
    head = WHOLE[: WHOLE.index(HEADERS[2]) + len(HEADERS[2])]
    assert read_counts(f"{head}\n{MOST}. Edema").matched == MOST
    with pytest.raises(Unparsable, match="more than 50"):
        read_counts(f"{head}\n{MOST + 1}. Edema")
