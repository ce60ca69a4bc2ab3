"""What a problem means and what to do about it, for people and for programs."""

from dataclasses import asdict
from html import escape

import msgspec

from app.errors import NotFound
from app.http.problem_table import BY_SLUG, Problem


def page(slug: str) -> bytes:
    """A small HTML page that explains the problem; NotFound where there is none of that name."""
    row = _row(slug)
    title, words = escape(row.title), escape(row.explanation)
    again = "Trying again later may help." if row.retryable else "Sending the same request again does not help."
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title} – cxfacade</title></head>\n'
        f"<body><main>\n<h1>{title}</h1>\n<p>{words}</p>\n"
        f"<p>Status {row.status}, code <code>{row.slug}</code>. {again}</p>\n</main></body>\n</html>\n"
    ).encode()


def explanation(slug: str, root: str = "") -> bytes:
    """The row of the problem as a JSON object, under the path prefix `root`; NotFound where there is none."""
    row = _row(slug)
    return msgspec.json.encode({"type": f"{root}/problems/{slug}", **asdict(row), "retryable": row.retryable})


def _row(slug: str) -> Problem:
    if slug not in BY_SLUG:
        raise NotFound
    return BY_SLUG[slug]
