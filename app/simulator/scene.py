"""A scene writes one interaction's record while it plays: queues, offers, talk, transfers, each taking its time."""

from typing import Any

from app.simulator.clock import stamp
from app.simulator.dice import Dice
from app.simulator.people import AGENTS, QUEUES, Agent, Contact, Flow, Queue

Record = dict[str, Any]
Edit = tuple[int, Record]
"""When (milliseconds) and which root fields a late edit brings (S10)."""


def seconds(ms: int) -> int | float:
    """A duration as upstream writes it: whole seconds without decimals, others with up to three."""
    whole, rest = divmod(ms, 1000)
    return ms / 1000 if rest else whole


class Scene:
    """Plays one interaction from ``start`` (milliseconds); durations are typical seconds and go through the dice."""

    def __init__(self, start: int, dice: Dice, contact: Contact, tenant_id: str) -> None:
        self.start = self.now = start
        self.dice = dice
        self.contact = contact
        self.team = dice.sample(AGENTS, 4)
        self.lines = dice.sample(QUEUES, 3)
        self.edits: list[Edit] = []
        self.legacy = False
        self.answered_at: int | None = None
        self.ended_at: int | None = None
        self.agent: Agent | None = None
        self.record: Record = {
            "tenantId": tenant_id,
            "interactionId": dice.id(),
            "startTimestamp": stamp(start),
            "customerHolds": 0,
            "contactId": contact.contact_id,
        }
        self._segment: Record = {}
        self._stay: Record = {}
        self._leg: Record = {}
        self._began: dict[str, int] = {}
        self._talked = self._held = self._conversed = 0

    def begin(self, channel: str, direction: str, customer: str, point: str, flow: Flow | None = None) -> None:
        self.record.update(channelType=channel, direction=direction, customer=customer, contactPoint=point)
        if flow is not None:
            self.record.update(flowId=flow.flow_id, flowName=flow.name)
        self.begin_segment("interaction")

    def wait(self, typical: float) -> int:
        """Let time pass; the milliseconds that did."""
        passed = self.dice.ms(typical)
        self.now += passed
        return passed

    def child(self, array: str, key: str, **fields: Any) -> Record:
        """A new object in a nested array of the root, with its key and the ids every one carries."""
        row: Record = {key: self.dice.id(), **fields}
        if not self.legacy:
            row |= {"tenantId": self.record["tenantId"], "interactionId": self.record["interactionId"]}
        self.record.setdefault(array, []).append(row)
        return row

    # A stretch of time is a child that has begun; ``since`` gives its length so far.

    def begun(self, row: Record, key: str) -> Record:
        row["startTimestamp"] = stamp(self.now)
        self._began[row[key]] = self.now
        return row

    def since(self, row: Record, key: str) -> int:
        return self.now - self._began[row[key]]

    def begin_segment(self, starts_by: str) -> None:
        number = len(self.record.get("segments", ()))
        row = self.child("segments", "interactionSegmentId", segmentNumber=number, segmentStartType=starts_by)
        self._segment = self.begun(row, "interactionSegmentId")

    def end_segment(self, by: str) -> None:
        length = seconds(self.since(self._segment, "interactionSegmentId"))
        self._segment.update(endTimestamp=stamp(self.now), segmentEndType=by, segmentTime=length)

    def cancel_segment(self, by: str = "customer-disconnect") -> None:
        """End a segment that no agent answered."""
        self.end_segment(by)
        self._segment.update(segmentCancelled=True, segmentCancelTime=self._segment["segmentTime"])

    def enter_queue(self, line: int = 0, by: str = "ivr") -> None:
        queue: Queue = self.lines[line]
        self.record.setdefault("ivrTime", seconds(self.now - self.start))
        row = self.child(
            "queues", "interactionQueueId", queueId=queue.queue_id, queueName=queue.name, platformQueueId=queue.number,
            queueType="queue", queueEntryType=by, queueEntryLength=self.dice.number(1, 6),
            interactionSegmentId=self._segment["interactionSegmentId"],
        )  # fmt: skip
        self._stay = self.begun(row, "interactionQueueId")

    def leave_queue(self, by: str) -> None:
        length = seconds(self.since(self._stay, "interactionQueueId"))
        self._stay.update(
            endTimestamp=stamp(self.now), queueTime=length, slaTime=length, queueExitType=by,
            queueExitLength=self.dice.number(0, 4),
        )  # fmt: skip

    def offer(self, member: int, typical: float, accepted: bool = True) -> None:
        """Offer the work to an agent; a refused or missed offer ends its leg (S3)."""
        agent = self.team[member]
        row = self.child(
            "agents", "interactionAgentId", agentId=agent.agent_id, agentName=agent.name,
            tenantAgentId=agent.number + 15, platformAgentId=agent.number, sessionId=self.dice.id(),
            interactionSegmentId=self._segment["interactionSegmentId"], agentWorkAccepted=accepted,
        )  # fmt: skip
        if self._stay:
            row["queueId"] = self._stay["queueId"]
        self._leg = self.begun(row, "interactionAgentId")
        row["agentWorkOfferTime"] = seconds(self.wait(typical))
        if accepted:
            row["agentWorkAcceptedTime"] = row["agentWorkOfferTime"]
            self._answer(agent)
        else:
            row["endTimestamp"] = stamp(self.now)

    def _answer(self, agent: Agent) -> None:
        if self._stay:
            self.leave_queue("success")
            self._stay.update(timeToAnswer=self._stay["queueTime"], agentId=agent.agent_id)
            self._stay = {}
        self._segment["segmentToAgentId"] = agent.agent_id
        self._leg["conversationStartTimestamp"] = stamp(self.now)
        self._began["conversation"] = self.now
        self.agent = agent
        self.answered_at = self.answered_at or self.now

    def talk(self, typical: float, uneven: int = 0) -> None:
        """A stretch of talk; the agent's side of it runs ``uneven`` milliseconds longer than the customer's (S9)."""
        began = self.now
        self._talked += self.wait(typical)
        times = {"startTimestamp": stamp(began), "endTimestamp": stamp(self.now)}
        length = seconds(self.now - began)
        self.child("customerTalkTimes", "interactionCustomerTalkTimeId", **times, customerTalkTime=length)
        stretch: Record = {
            "interactionAgentTalkTimeId": self.dice.id(),
            "interactionAgentId": self._leg["interactionAgentId"],
            "agentId": self._leg["agentId"],
            "startTimestamp": stamp(began),
            "endTimestamp": stamp(self.now + uneven),
            "agentTalkTime": seconds(self.now + uneven - began),
        }
        if not self.legacy:
            stretch |= {"tenantId": self.record["tenantId"], "interactionId": self.record["interactionId"]}
        self._leg.setdefault("talkTimes", []).append(stretch)

    def hold(self, typical: float) -> None:
        began = self.now
        self._held += self.wait(typical)
        self.record["customerHolds"] += 1
        self.record["customerHoldTime"] = seconds(self._held)
        self.child(
            "customerHoldTimes", "interactionCustomerHoldTimeId", startTimestamp=stamp(began),
            endTimestamp=stamp(self.now), customerHoldTime=seconds(self.now - began),
        )  # fmt: skip

    def end_conversation(self) -> None:
        conversed = self.now - self._began["conversation"]
        self._conversed += conversed
        length = seconds(conversed)
        self._leg.update(
            conversationEndTimestamp=stamp(self.now), agentConversationTime=length, agentTalkTime=length,
            agentHandleTime=length, agentFocusTime=seconds(conversed + self.dice.number(0, 1) * 855),
        )  # fmt: skip

    def release(self, wrap_up: float = 0, by: str = "success") -> None:
        """End conversation, leg and segment; the customer does not wait for the wrap-up."""
        self.end_conversation()
        parted = self.now
        wrapped = self.wait(wrap_up)
        if wrapped:
            self._leg["agentWrapUpTime"] = seconds(wrapped)
        self._leg["endTimestamp"] = stamp(self.now)
        self.end_segment(by)
        self.now = parted

    def transfer(self, line: int, wait: float) -> None:
        """Hand the customer to another queue, where they wait before the next offer."""
        self.release()
        self.record["customerTransfers"] = self.record.get("customerTransfers", 0) + 1
        self.begin_segment("transfer")
        self.enter_queue(line, by="transfer")
        self.wait(wait)

    def end(self) -> None:
        """The customer leaves; what remains are totals."""
        self.ended_at = self.now
        self.record.update(endTimestamp=stamp(self.now), interactionTime=seconds(self.now - self.start))
        if self._talked or self._conversed:
            self.record["customerTalkTime"] = seconds(self._talked)
            self.record["customerConversationTime"] = seconds(self._conversed)
