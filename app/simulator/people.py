"""The invented cast: agents, queues, flows, and the customers who get in touch."""

import random
import uuid
from functools import lru_cache
from typing import NamedTuple

_NAMESPACE = uuid.UUID("5f1c9a52-0c1e-4f60-9d52-51a0e4b1c0de")
_FIRST = (
    "Alex", "Robin", "Sam", "Jordan", "Kim", "Noa", "Toni", "Mika", "Jules", "Renée", "Ömer", "Zoë", "Ines", "Lee",
)  # fmt: skip
_LAST = (
    "Example", "Sample", "Specimen", "Placeholder", "Mockford", "Testwell", "Fixture", "Stubbs", "Dummont", "Sketch",
)  # fmt: skip


class Named(NamedTuple):
    """An agent, a queue or a flow of the tenant."""

    id: str
    name: str
    number: int


class Contact(NamedTuple):
    """A customer."""

    contact_id: str
    name: str
    phone: str
    email: str
    handle: str
    account: str


def _id(kind: str, name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{kind}:{name}"))


def _named(kind: str, first_number: int, *names: str) -> tuple[Named, ...]:
    return tuple(Named(_id(kind, name), name, number) for number, name in enumerate(names, first_number))


_PAIRS = zip(_FIRST, (*_LAST, *_LAST[:4]), strict=True)
AGENTS = _named("agent", 401, *(f"{first} {last}" for first, last in _PAIRS if first != "Jordan"))
QUEUES = _named("queue", 201, "Support", "Sales", "Billing", "Returns", "Español", "Priority")
FLOWS = _named("flow", 1, "Main Menu", "Sales Line", "After Hours", "Digital", "Dialler")
PLAIN_CONTACT = Contact(
    _id("contact", "plain"), "Jordan Sample", "+15550123", "jordan.sample@example.com", "jordan_sample", "1234500"
)
CENTRE_PHONES = tuple(f"+155501{number:02d}" for number in range(10))


@lru_cache(maxsize=8)
def contacts(seed: int) -> tuple[Contact, ...]:
    """Customers of a seed; their phone numbers keep to the fictional range of UPSTREAM §11."""
    rng = random.Random(f"{seed}:contacts")
    return tuple(_contact(rng, number) for number in range(400))


def _contact(rng: random.Random, number: int) -> Contact:
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    latin = "".join(letter for letter in f"{first}.{last}".lower() if letter.isascii())
    area = "" if rng.random() < 0.1 else str(rng.randint(201, 989))
    return Contact(
        contact_id=str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        name=f"{first} {last}",
        phone=f"+1{area}55501{rng.randrange(100):02d}",
        email=f"{latin}{number}@example.com",
        handle=f"{latin.replace('.', '_')}{number}",
        account=f"{rng.randrange(10_000_000):07d}",
    )
