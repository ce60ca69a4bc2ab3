"""The kinds of voice interaction, each a scene with the seconds it typically takes."""

from app.simulator.people import CENTRE_PHONES, FLOWS
from app.simulator.scene import Scene
from app.simulator.writing import attribute, crm_link


def call_in(scene: Scene, ivr: float = 10) -> None:
    """A customer calls and goes through the menu."""
    scene.begin("voice", "inbound", scene.contact.phone, scene.dice.sample(CENTRE_PHONES, 1)[0], FLOWS[0])
    scene.wait(ivr)


def reach_agent(scene: Scene, member: int = 0) -> None:
    """A customer calls, waits in a queue and reaches an agent."""
    call_in(scene)
    scene.enter_queue()
    scene.wait(15)
    scene.offer(member, 5)


def answered(scene: Scene) -> None:
    """Answered by one agent after a short wait; wrap-up outlives the call."""
    reach_agent(scene)
    scene.talk(180)
    scene.release(wrap_up=30)
    scene.end()


def holds(scene: Scene) -> None:
    """Put on hold twice."""
    reach_agent(scene)
    for talk, hold in ((60, 30), (90, 15)):
        scene.talk(talk)
        scene.hold(hold)
    scene.talk(30)
    scene.release(wrap_up=20)
    scene.end()


def uneven_talk(scene: Scene) -> None:
    """The talk times and the leg's own talk time disagree, as in the documented sample."""
    reach_agent(scene)
    scene.talk(60, uneven=500)
    scene.talk(40, uneven=250)
    scene.release(wrap_up=10)
    scene.end()


def whole_seconds(scene: Scene) -> None:
    """Durations are integers; the caller is no known contact."""
    scene.dice.whole = True
    del scene.record["contactId"]
    answered(scene)


def transfer(scene: Scene) -> None:
    """Transferred once, to another queue and agent."""
    reach_agent(scene)
    scene.talk(60)
    scene.transfer(1, wait=25)
    scene.offer(1, 5)
    scene.talk(120)
    scene.release(wrap_up=15)
    scene.end()


def transfer_chain(scene: Scene) -> None:
    """Transferred three times: four segments, agents and queue entries."""
    reach_agent(scene)
    for step in (1, 2, 3):
        scene.talk(40)
        scene.transfer(step % 3, wait=20)
        scene.offer(step, 5)
    scene.talk(90)
    scene.release()
    scene.end()


def transfer_back(scene: Scene) -> None:
    """Transferred away and back: the same agent twice."""
    reach_agent(scene)
    for line, member in ((1, 1), (0, 0)):
        scene.talk(50)
        scene.transfer(line, wait=10)
        scene.offer(member, 5)
    scene.talk(70)
    scene.release()
    scene.end()


def conference(scene: Scene) -> None:
    """A second agent is added to the call, and a third party for a while."""
    reach_agent(scene)
    scene.talk(60)
    scene.release()
    scene.begin_segment("add-participant")
    scene.offer(1, 5)
    scene.talk(90)
    scene.record["thirdPartyTime"] = 40
    scene.release(by="interaction-end")
    scene.end()


def rejected_offers(scene: Scene) -> None:
    """Two agents miss the offer before a third accepts."""
    call_in(scene)
    scene.enter_queue()
    scene.wait(10)
    scene.offer(1, 20, accepted=False)
    scene.offer(2, 20, accepted=False)
    scene.offer(0, 5)
    scene.talk(150)
    scene.release(wrap_up=10)
    scene.end()


def overflow(scene: Scene) -> None:
    """The first queue times out, a second one answers; no transfer."""
    call_in(scene)
    scene.enter_queue()
    scene.wait(60)
    scene.leave_queue("timeout")
    scene.enter_queue(1)
    scene.wait(20)
    scene.offer(0, 5)
    scene.talk(100)
    scene.release()
    scene.end()


def self_service(scene: Scene) -> None:
    """Served by the menu alone: no queue, no agent, not abandoned."""
    call_in(scene, ivr=75)
    scene.end_segment("interaction-end")
    scene.end()
    scene.record["ivrTime"] = scene.record["interactionTime"]


def survey(scene: Scene) -> None:
    """After the agent a survey follows: the segment ends before the interaction."""
    reach_agent(scene)
    scene.talk(120)
    scene.release()
    scene.wait(13)
    scene.end()
    scene.record["customerSatisfactionScore"] = scene.dice.number(8, 10)


def outbound(scene: Scene) -> None:
    """An agent's outbound call, without a queue."""
    scene.begin("voice", "outbound", scene.contact.phone, "outbound", FLOWS[4])
    scene.offer(0, 3)
    scene.talk(90)
    scene.release(wrap_up=10)
    scene.end()


def click_to_call(scene: Scene) -> None:
    """Begun by an agent, never answered by the customer: no queue, no agent leg, no flow."""
    scene.begin("voice", "agent-initiated", scene.contact.phone, "click to call")
    scene.wait(25)
    scene.cancel_segment("cancelled")
    scene.end()


def legacy(scene: Scene) -> None:
    """As in 2017: nested objects without tenant and interaction, attributes among the hooks only."""
    scene.legacy = True
    reach_agent(scene)
    attribute(scene, "accountNumber", scene.contact.account)
    scene.talk(80)
    scene.release()
    scene.end()


def zendesk(scene: Scene) -> None:
    """Linked to a Zendesk ticket (without a display name) and user; an attribute repeats the user's name."""
    reach_agent(scene)
    crm_link(scene, "zendesk", "ticket", str(scene.dice.number(415, 9999)))
    crm_link(scene, "zendesk", "user", str(scene.dice.number(26359162568, 26359999999)), scene.contact.name)
    attribute(scene, "callerName", scene.contact.name)
    scene.talk(110)
    scene.release(wrap_up=60)
    scene.end()


def salesforce(scene: Scene) -> None:
    """Linked to a Salesforce case."""
    reach_agent(scene)
    crm_link(scene, "salesforce-lightning", "Case", f"500{scene.dice.number(10000, 99999)}", "Invented case")
    scene.talk(140)
    scene.release(wrap_up=20)
    scene.end()


def open_in_queue(scene: Scene) -> None:
    """Still waiting in the queue."""
    call_in(scene)
    scene.enter_queue()


def open_in_conversation(scene: Scene) -> None:
    """Still talking to an agent."""
    reach_agent(scene)
