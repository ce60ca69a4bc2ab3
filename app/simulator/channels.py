"""The kinds of interaction on channels other than voice; all their details are invented (UPSTREAM §11)."""

from app.simulator.clock import stamp
from app.simulator.people import CENTRE_PHONES, FLOWS
from app.simulator.scene import Scene, seconds


def _begin(scene: Scene, channel: str, customer: str, point: str, direction: str = "inbound") -> None:
    scene.begin(channel, direction, customer, point, FLOWS[3])
    scene.wait(1)


def _served(scene: Scene, wait: float, work: float) -> None:
    scene.enter_queue(by="flow")
    scene.wait(wait)
    scene.offer(0, 8)
    _write(scene, work)
    scene.release(wrap_up=5)
    scene.end()


def _write(scene: Scene, typical: float) -> None:
    """The agent takes a while to answer: message channels have response times in place of talk."""
    began = scene.now
    scene.wait(typical)
    scene.child(
        "customerResponseTimes", "interactionCustomerResponseTimeId", startTimestamp=stamp(began),
        endTimestamp=stamp(scene.now), customerResponseTime=seconds(scene.now - began),
    )  # fmt: skip


def sms(scene: Scene) -> None:
    """A text message answered by an agent."""
    _begin(scene, "sms", scene.contact.phone, scene.dice.sample(CENTRE_PHONES, 1)[0])
    _served(scene, wait=40, work=240)


def email(scene: Scene) -> None:
    """An e-mail answered within the hour."""
    _begin(scene, "email", scene.contact.email, "support@example.com")
    _served(scene, wait=900, work=600)


def email_outbound(scene: Scene) -> None:
    """An e-mail written by an agent; it has no queue."""
    _begin(scene, "email", scene.contact.email, "outbound-email", "outbound")
    scene.offer(0, 2)
    _write(scene, 300)
    scene.release()
    scene.end()


def messaging(scene: Scene) -> None:
    """A web chat."""
    _begin(scene, "messaging", scene.contact.handle, "web-chat")
    _served(scene, wait=20, work=420)


def messaging_abandon(scene: Scene) -> None:
    """A web chat whose visitor left while waiting."""
    _begin(scene, "messaging", scene.contact.handle, "web-chat")
    scene.enter_queue(by="flow")
    scene.wait(60)
    scene.leave_queue("abandon")
    scene.cancel_segment()
    scene.end()
    scene.record["customerAbandonTime"] = scene.record["segments"][0]["segmentCancelTime"]


def work_item(scene: Scene) -> None:
    """A task worked off by an agent."""
    _begin(scene, "work-item", f"case-{scene.contact.account}", "work-items", "agent-initiated")
    _served(scene, wait=300, work=400)


def work_item_open(scene: Scene) -> None:
    """A task nobody has taken yet: open for days."""
    _begin(scene, "work-item", f"case-{scene.contact.account}", "work-items")
    scene.enter_queue(by="flow")
