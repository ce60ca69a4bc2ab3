"""The invented cast: agents, queues, flows, and the customers who get in touch."""

import random
import uuid
from dataclasses import dataclass
from functools import lru_cache

_NAMESPACE = uuid.UUID("5f1c9a52-0c1e-4f60-9d52-51a0e4b1c0de")
_FIRST = (
    "Alex", "Robin", "Sam", "Jordan", "Kim", "Noa", "Toni", "Mika", "Jules", "Renée", "Ömer", "Zoë", "Ines", "Lee",
)  # fmt: skip
_LAST = (
    "Example", "Sample", "Specimen", "Placeholder", "Mockford", "Testwell", "Fixture", "Stubbs", "Dummont", "Sketch",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Agent:
    agent_id: str
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Queue:
    queue_id: str
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Flow:
    flow_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Contact:
    contact_id: str
    name: str
    phone: str
    email: str
    handle: str
    account: str


def _named(kind: str, name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{kind}:{name}"))


AGENTS = tuple(
    Agent(_named("agent", name), name, 401 + number)
    for number, name in enumerate(
        f"{first} {last}" for first, last in zip(_FIRST, (*_LAST, *_LAST[:4]), strict=True) if first != "Jordan"
    )
)
QUEUES = tuple(
    Queue(_named("queue", name), name, 201 + number)
    for number, name in enumerate(("Support", "Sales", "Billing", "Returns", "Español", "Priority"))
)
FLOWS = tuple(
    Flow(_named("flow", name), name) for name in ("Main Menu", "Sales Line", "After Hours", "Digital", "Dialler")
)

PLAIN_CONTACT = Contact(
    _named("contact", "plain"), "Jordan Sample", "+15550123", "jordan.sample@example.com", "jordan_sample", "1234500"
)

CENTRE_PHONES = tuple(f"+155501{number:02d}" for number in range(10))


@lru_cache(maxsize=8)
def contacts(seed: int, count: int = 400) -> tuple[Contact, ...]:
    """Customers of a seed; their phone numbers keep to the fictional range of UPSTREAM §11."""
    rng = random.Random(f"{seed}:contacts")
    return tuple(_contact(rng, number) for number in range(count))


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
