"""Text that comes in pieces is the text that comes whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import UsageError
from hilum.model import Reads
from hilum.model.streaming import HALF, text_pieces
from model.helpers import prompt, tiny, vocabulary

texts = st.text(st.sampled_from("ab .\n\té≤µ📷🫁\u3000(7)"), max_size=30)


@settings(max_examples=200)
@given(texts)
def test_characters_come_whole(text) -> None:
    ids = vocabulary().encode(text)
    pieces = list(text_pieces(ids, vocabulary().decode))
    assert "".join(pieces) == vocabulary().decode(ids) == text.strip()
    assert all(pieces)
    assert not any(HALF in piece for piece in pieces)


@settings(max_examples=200)
@given(st.lists(st.integers(0, len(vocabulary()) - 1), max_size=30))
def test_any_tokens_end_as_their_text(ids) -> None:
    assert "".join(text_pieces(ids, vocabulary().decode)) == vocabulary().decode(ids)


def test_a_piece_comes_as_soon_as_it_is_whole() -> None:
    ids = vocabulary().encode("No é effusion")
    taken: list[int] = []

    def tokens():
        for token in ids:
            taken.append(token)
            yield token

    for piece in text_pieces(tokens(), vocabulary().decode):
        assert vocabulary().decode(taken).rstrip(HALF).endswith(piece)


@pytest.mark.parametrize("reads", list(Reads))
@pytest.mark.parametrize("sampling", [{}, {"temperature": 1.0, "top_p": 0.9, "seed": 3}])
def test_a_stream_says_what_the_answer_says(reads, sampling) -> None:
    model = tiny(reads)
    for asked in (prompt("Is there a nodule?", 1), prompt("Where is it?", 2, locate=True)):
        pieces = list(model.stream(asked, max_new_tokens=40, **sampling))
        [[answer]] = model.answer([asked], max_new_tokens=40, **sampling)
        assert "".join(pieces) == answer.text
        assert len(pieces) > 3


def test_a_picture_cannot_be_streamed() -> None:
    with pytest.raises(UsageError, match="a picture"):
        tiny().stream(prompt("Draw.", draw=True))
