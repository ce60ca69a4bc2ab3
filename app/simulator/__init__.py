"""A CxEngage that needs no credentials: it speaks upstream's dialect over invented, seeded data."""

from app.simulator.app import create_simulator
from app.simulator.kinds import KINDS, example
from app.simulator.state import SimulatorState
from app.simulator.tenant import DEFAULT_PORT, DEMO_PASSWORD, DEMO_TENANT_ID, DEMO_USERNAME, SimulatorOptions

__all__ = [
    "DEFAULT_PORT",
    "DEMO_PASSWORD",
    "DEMO_TENANT_ID",
    "DEMO_USERNAME",
    "KINDS",
    "SimulatorOptions",
    "SimulatorState",
    "create_simulator",
    "example",
]
