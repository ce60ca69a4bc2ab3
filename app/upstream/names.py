"""Attribute names as upstream stores them: compared trimmed, sent untrimmed, as it seems to compare exactly (R3)."""

from app.interactions.records import Interaction, attributes

MOST_NAMES = 2000
LONGEST_NAME = 256


class Names:
    """The raw names of the attributes seen lately; of two that differ in their outer spaces only, the one seen last."""

    def __init__(self) -> None:
        self._raw: dict[str, str] = {}

    def learn(self, interaction: Interaction) -> None:
        """Remember the names this interaction carries."""
        for hook in attributes(interaction):
            if hook.hook_type and len(hook.hook_type) <= LONGEST_NAME:
                self._remember(hook.hook_type)

    def _remember(self, raw: str) -> None:
        name = raw.strip()
        self._raw.pop(name, None)
        self._raw[name] = raw
        if len(self._raw) > MOST_NAMES:
            del self._raw[next(iter(self._raw))]

    def raw(self, name: str) -> str:
        """The stored form of `name` where one is known, else `name` as it is."""
        return self._raw.get(name.strip(), name)
