"""The kinds of voice interaction that the customer gave up (S2)."""

from app.simulator.scene import Scene
from app.simulator.voice import call_in, reach_agent


def ivr_abandon(scene: Scene) -> None:
    """Hung up in the menu, before any queue."""
    call_in(scene, ivr=12)
    scene.cancel_segment()
    scene.end()
    time = scene.record["interactionTime"]
    scene.record.update(ivrAbandoned=True, ivrAbandonTime=time, ivrTime=time)


def _abandon_after(scene: Scene, waited: float) -> None:
    call_in(scene)
    scene.enter_queue()
    scene.wait(waited)
    scene.leave_queue("abandon")
    scene.cancel_segment()
    scene.end()
    scene.record["customerAbandonTime"] = scene.record["segments"][0]["segmentCancelTime"]


def queue_abandon(scene: Scene) -> None:
    """Gave up waiting in the queue."""
    _abandon_after(scene, 90)


def short_abandon(scene: Scene) -> None:
    """Gave up after a few seconds in the queue."""
    _abandon_after(scene, 4)


def hold_abandon(scene: Scene) -> None:
    """Hung up while on hold, after a conversation."""
    reach_agent(scene)
    scene.talk(60)
    scene.hold(45)
    scene.release(by="customer-disconnect")
    scene.end()
    scene.record["customerHoldAbandoned"] = True
