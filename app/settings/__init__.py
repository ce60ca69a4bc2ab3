"""The configuration of the service: one frozen `Settings`, built by `load` from flags, environment and files."""

from app.settings.forms import MASK, SECRETS, is_loopback
from app.settings.model import SETTINGS, Scope, Settings, Treatment
from app.settings.sources import inherited_sockets, load

__all__ = [
    "MASK",
    "SECRETS",
    "SETTINGS",
    "Scope",
    "Settings",
    "Treatment",
    "inherited_sockets",
    "is_loopback",
    "load",
]
