"""An answer's text as its tokens come, in whole characters.

for piece in text_pieces(tokens, vocabulary.decode):
    print(piece, end="")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

HALF = "\N{REPLACEMENT CHARACTER}"
"""What a decoder makes of bytes that are no whole character."""


def text_pieces(tokens: Iterable[int], decode: Callable[[Sequence[int]], str]) -> Iterator[str]:
    """Pieces that together are `decode(all tokens)`.

    A character whose bytes are spread over several tokens comes once it is whole, and white space together
    with the word after it, since `decode` strips the end of a text.

    Args:
        decode: text of token ids; what it makes of the first ids must not change with those that follow,
            but for half a character at the end.
    """
    ids: list[int] = []
    given = 0
    for token in tokens:
        ids.append(token)
        # Half a character may turn out to be white space, and what lies before it then the text's end.
        whole = decode(ids).rstrip(HALF).rstrip()
        if len(whole) > given:
            yield whole[given:]
            given = len(whole)
    rest = decode(ids)[given:]
    if rest:
        yield rest
