"""What the service is told before it starts: one frozen value, built by `load`."""

from app.settings.model import SETTINGS, Effective, Scope, Settings, Treatment
from app.settings.sources import load
from app.settings.values import MASK, SECRETS, is_loopback

__all__ = ["MASK", "SECRETS", "SETTINGS", "Effective", "Scope", "Settings", "Treatment", "is_loopback", "load"]
