"""Change tokens come back as they were given, and any other text is none."""

import pytest

from app.holdings.changes import Mark
from app.holdings.collection import EVER
from app.queries.change_token import ChangeToken, NotAChangeToken, token_of, token_text
from tests.queries.support import NOW

TOKENS = [
    ChangeToken((Mark(bytes(8), 0, EVER),), bytes(8), None, None),
    ChangeToken((Mark(b"newer...", 2**40, NOW), Mark(b"older...", 7, EVER)), b"question", NOW, NOW),
]


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_comes_back_as_it_was_given(token: ChangeToken) -> None:
    assert token_of(token_text(token)) == token


def test_a_mark_at_no_moment_is_of_no_token() -> None:
    newer, older = TOKENS[1].marks
    marks = (newer._replace(low=NOW.replace(tzinfo=None)), older)
    with pytest.raises(NotAChangeToken):
        token_of(token_text(TOKENS[1]._replace(marks=marks)))


@pytest.mark.parametrize("token", TOKENS)
def test_a_cut_lengthened_or_mistyped_token_is_none(token: ChangeToken) -> None:
    text = token_text(token)
    others = [text[:-1], text[1:], f"{text}A", f"{text}=", text.swapcase(), f" {text}", "", "2026-11-12", "é"]
    others += [text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :] for place in range(len(text))]
    for other in others:
        with pytest.raises(NotAChangeToken):
            token_of(other)
