"""Pinned questions: names for the path and the query of a list or summary, in a TOML file with a table for each.

    [sales-today]
    path = "/queue-entries/summary"
    query = "from=now/d&by=queue_name&measures=service_level"
    title = "Service level of today"  # the name, unless it is said
    warm = true                       # false, unless it is said

The file is read whole or not at all. Its queries are checked by the parser of requests, and ask for masked views alone.
"""

import logging
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from app.clients.file import LONGEST_LIST, content_of, unusable
from app.errors import InvalidParameters, KeyInQuery, NotFound, ParameterFault, SettingsError
from app.http.auth import Viewer, refuse_key_in_query
from app.http.parse import pairs_of, parse, unknown_parameter
from app.http.times import TimeFrame
from app.http.values import ParseContext, nearest, offer
from app.interactions.grains import GRAINS, Grain
from app.observe.lines import QUESTIONS_READ
from app.queries.query import CHANGED_SINCE
from app.queries.rules import zone_of
from app.settings import Settings

SETTING = "CXF_QUESTIONS_FILE"
MOST_QUESTIONS = 100
LONGEST_QUERY, LONGEST_TITLE = 4000, 200  # characters; a link to a next page has room for its cursor then
READER = Viewer("cxfacade", frozenset({"read"}))
FORM_PARAMETERS = ("format", "shape", "csv", "download")
"""The parameters of a request for a pinned question: how its answer is written, never what it says."""

_NAME = re.compile(r"(?=.{1,64}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
_QUERY = re.compile(r"[!$-~]*")  # printable ASCII but space, quotation mark and number sign (RFC 3986 §3.4)
_BAD_NAME = "its name must be of small letters and digits, with single hyphens between them, 64 characters at most."
_PLACE = re.compile(r"line \d+, column \d+")
_NOT_PINNED = {
    "pii": "pii has no place here: a pinned question shows the masked view.",
    "cursor": "cursor has no place here: the snapshot it names is soon gone.",
    CHANGED_SINCE: f"{CHANGED_SINCE} has no place here: its token is soon too old.",
}
_KINDS = {
    path: (one.name, path == one.summary_path) for one in GRAINS.values() for path in (one.path, one.summary_path)
}

logger = logging.getLogger("cxfacade.questions")

Contexts = Callable[[str], ParseContext]
"""The context in which parameters of a grain are read now."""


class Member(NamedTuple):
    """One key of a table: what its value must be, in words that follow its name, and its default, None for none."""

    words: str
    accepts: Callable[[Any], bool]
    default: object = None


MEMBERS = {
    "path": Member(
        "must be the path of a list or of its summary, as /interactions or /queue-entries/summary",
        lambda value: isinstance(value, str) and value in _KINDS,
    ),
    "query": Member(
        f"must be as in a URL, {LONGEST_QUERY} characters at most: a space is %20, é is %C3%A9",
        lambda value: isinstance(value, str) and len(value) <= LONGEST_QUERY and bool(_QUERY.fullmatch(value)),
        "",
    ),
    "title": Member(
        f"must be text of one line, {LONGEST_TITLE} characters at most",
        lambda value: isinstance(value, str) and 0 < len(value) <= LONGEST_TITLE and value.isprintable(),
    ),
    "warm": Member("must be true or false", lambda value: isinstance(value, bool), False),
}
_DEFAULTS = {name: member.default for name, member in MEMBERS.items() if member.default is not None}


@dataclass(frozen=True, slots=True)
class Question:
    """One pinned question; `warm`: it is refreshed before it goes stale."""

    name: str
    path: str
    query: str
    title: str
    warm: bool

    @property
    def grain(self) -> str:
        """Name of the grain whose rows it is about."""
        return _KINDS[self.path][0]

    @property
    def of_summary(self) -> bool:
        """Whether it asks for a summary of these rows."""
        return _KINDS[self.path][1]

    def asked_with(self, form: bytes) -> bytes:
        """The query string of this question with that of a request, which holds FORM_PARAMETERS alone.

        Raises InvalidParameters.
        """
        pinned = {name for name, _ in pairs_of(self.query.encode())}
        faults = [
            ParameterFault(name, f"{name} is pinned with this question: leave it out, or ask {self.path} yourself.")
            if name in FORM_PARAMETERS
            else unknown_parameter(name, FORM_PARAMETERS)
            for name, _ in pairs_of(form)
            if name in pinned or name not in FORM_PARAMETERS
        ]
        if faults:
            raise InvalidParameters(faults)
        return b"&".join(filter(None, (self.query.encode(), form)))


def read(path: Path, contexts: Contexts) -> dict[str, Question]:
    """The questions of the file by name. Raises SettingsError with one line for each fault, and none of its values."""
    try:
        tables = _tables(content_of(path))
    except ValueError as fault:
        raise unusable(SETTING, path, fault) from None
    questions, faults = dict[str, Question](), list[str]()
    for place, (name, table) in enumerate(tables.items(), 1):
        is_name = bool(_NAME.fullmatch(name))
        found = [*_faults_of_table(table)] if is_name else [_BAD_NAME]
        if not found:
            members: dict[str, Any] = {"title": name, **_DEFAULTS, **table}
            questions[name] = question = Question(name, **members)
            found = [*_faults_of_query(question, contexts(question.grain))]
        shown = name if is_name else f"question {place}"
        faults += [f"{SETTING}: {shown}: {fault}" for fault in found]
    if faults:
        raise SettingsError(faults[:LONGEST_LIST])
    return questions


def _tables(content: bytes) -> Mapping[str, Any]:
    """The tables of the text of a file. Raises ValueError, in words that follow "names a file that"."""
    try:
        tables = tomllib.loads(content.decode())
    except UnicodeDecodeError:
        fault = "is not UTF-8 text"
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = _PLACE.search(str(error))  # the rest of its words may hold a value
        fault = f"is not TOML: look at {place[0]}" if place else "is not TOML"
    else:
        if len(tables) <= MOST_QUESTIONS:
            return tables
        fault = f"holds more than {MOST_QUESTIONS} questions"
    raise ValueError(fault)


def _faults_of_table(table: object) -> Iterator[str]:
    if not isinstance(table, dict):
        yield "it must be a table, with path and query below its name in brackets."
        return
    if any(name not in MEMBERS for name in table):
        yield f"it has a key that is not known; a question takes {', '.join(MEMBERS)}."
    if "path" not in table:
        yield f"it lacks path, which {MEMBERS['path'].words}."
    for name, member in MEMBERS.items():
        if name in table and not member.accepts(table[name]):
            path = str(table[name]).partition("?")[0] if name == "path" else ""
            near = nearest(path, tuple(_KINDS)) if path else None
            yield f"{name} {member.words}.{offer(near)}"


def _faults_of_query(question: Question, context: ParseContext) -> Iterator[str]:
    try:
        refuse_key_in_query(question.query.encode())
        pairs = pairs_of(question.query.encode())
        refused = [words for name, words in _NOT_PINNED.items() if name in dict(pairs)]
        yield from refused
        if refused:
            return
        query = parse(pairs, context, READER, of_summary=question.of_summary)
    except KeyInQuery:
        yield "query holds a credential; take it out, and replace it: files keep what they hold."
    except InvalidParameters as error:
        yield from (fault.detail for fault in error.faults)
    else:
        if question.warm and GRAINS[question.grain].scope != "read":
            yield f"warm must be false: {question.path} is more than the masked view shows."
        if question.warm and query.limit > context.max_rows:
            yield f"warm must be false, or limit {context.max_rows} at most: what is streamed is not stored."


class Questions:
    """The questions in force, by name. `changed` is called when the file was read again.

    Raises SettingsError where the file cannot be used; later, a bad file leaves the questions that were in force.
    """

    def __init__(
        self,
        settings: Settings,
        grains: Mapping[str, Grain],
        wall: Callable[[], datetime],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._grains = grains
        self._wall = wall
        self._changed = changed
        self.in_force = self._read()

    def find(self, name: str) -> Question:
        """The question of that name. Raises NotFound."""
        if name not in self.in_force:
            raise NotFound("No question is pinned under this name; /questions lists them.")
        return self.in_force[name]

    def reread(self) -> None:
        """Put the questions of the file in force. Raises SettingsError, and then leaves all as it was."""
        if self._settings.questions_file is None:
            return
        self.in_force = self._read()
        self._changed()
        logger.info(QUESTIONS_READ, len(self.in_force))

    def _read(self) -> dict[str, Question]:
        path = self._settings.questions_file
        return read(path, self._context) if path else {}

    def _context(self, grain: str) -> ParseContext:
        """The context in which parameters of a grain are read now; the tenant's time zone is not known yet."""
        frame = TimeFrame(self._wall(), zone_of(self._settings.time_zone), self._settings.fresh_open_seconds)
        return ParseContext(frame, self._grains[grain], self._settings.max_rows)
