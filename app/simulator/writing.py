"""What people and flows write onto an interaction: attributes, CRM links, notes, and edits after its end."""

from typing import Any

from app.simulator.clock import stamp
from app.simulator.scene import Record, Scene

ATTRIBUTE = "interaction-attribute"


def attribute(scene: Scene, name: str, value: str, *, by_agent: bool = False, at: int | None = None) -> None:
    """Set a custom attribute: the NAME goes to ``hookType``, the VALUE to ``hookName`` (UPSTREAM §6.5)."""
    row = _hook(scene, name, ATTRIBUTE, scene.dice.id(), scene.now if at is None else at, hookBy="flow", hookName=value)
    if by_agent and scene.agent is not None:
        row["agentId"] = scene.agent.agent_id
    if not scene.legacy:
        scene.record.setdefault("interactionAttributes", []).append(dict(row))


def crm_link(scene: Scene, system: str, object_kind: str, record_id: str, name: str | None = None) -> None:
    """Link a CRM record; its author stands in ``hookedBy``, its display name is optional (S7)."""
    row = _hook(scene, system, object_kind, record_id, scene.now, hookedBy="26303434627")
    if name is not None:
        row["hookName"] = name
    if scene.agent is not None:
        row["agentId"] = scene.agent.agent_id


def _hook(scene: Scene, kind: str, subtype: str, hook_id: str, at: int, **fields: Any) -> Record:
    return scene.child(
        "hooks", "interactionHookId", hookType=kind, hookSubType=subtype, hookId=hook_id, timestamp=stamp(at), **fields
    )


def note(scene: Scene, title: str, body: str, *, at: int | None = None) -> None:
    """A note by the agent; its times fall on whole seconds."""
    created = (scene.now if at is None else at) // 1000 * 1000
    row = scene.child("notes", "noteId", title=title, body=body, created=stamp(created), updated=stamp(created + 8000))
    if scene.agent is not None:
        row["agentId"] = scene.agent.agent_id


def edit(scene: Scene, after: float, **fields: Any) -> None:
    """Root fields that appear ``after`` seconds past the end (S10)."""
    if scene.ended_at is not None:
        scene.edits.append((scene.ended_at + round(after * 1000), fields))
