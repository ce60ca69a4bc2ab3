"""A scene writes one interaction's record step by step: queues, offers, talk, transfers, attributes and notes."""

from typing import Any, Self

from app.simulator.clock import stamp
from app.simulator.dice import Dice
from app.simulator.people import AGENTS, QUEUES, Contact, Named

Record = dict[str, Any]
Edit = tuple[int, Record]
"""A late edit: when it happens (milliseconds), and the root fields it brings (S10)."""

ATTRIBUTE = "interaction-attribute"
"""The ``hookSubType`` of custom attributes; other hooks link CRM records."""


def seconds(ms: int) -> int | float:
    """A duration as upstream writes it: whole seconds without decimals, others with up to three."""
    whole, rest = divmod(ms, 1000)
    return ms / 1000 if rest else whole


class Scene:
    """Builds an interaction from ``start`` (milliseconds) on; each step returns the scene, so that steps chain.

    Durations are typical seconds; the dice vary them.
    """

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
        self.agent: Named | None = None
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
        self._segment_began = self._stay_began = self._conversation_began = start
        self._talked = self._held = self._conversed = 0

    def begin(self, channel: str, direction: str, customer: str, point: str, flow: Named | None = None) -> Self:
        self.record.update(channelType=channel, direction=direction, customer=customer, contactPoint=point)
        if flow is not None:
            self.record.update(flowId=flow.id, flowName=flow.name)
        return self.begin_segment("interaction")

    def wait(self, typical: float) -> Self:
        self.now += self.dice.ms(typical)
        return self

    def set(self, **fields: Any) -> Self:
        """Write fields of the root."""
        self.record.update(fields)
        return self

    def copy(self, source: str, *targets: str) -> Self:
        """Write the value of a root field into others."""
        return self.set(**dict.fromkeys(targets, self.record[source]))

    def child(self, array: str, key: str, parent: Record | None = None, /, **fields: Any) -> Record:
        """A new object in a nested array of the root or another parent, with its key and the ids every one carries."""
        row: Record = {key: self.dice.id(), **fields}
        if not self.legacy:
            row |= {"tenantId": self.record["tenantId"], "interactionId": self.record["interactionId"]}
        (self.record if parent is None else parent).setdefault(array, []).append(row)
        return row

    def begin_segment(self, starts_by: str) -> Self:
        number = len(self.record.get("segments", ()))
        self._segment = self.child(
            "segments", "interactionSegmentId", segmentNumber=number, segmentStartType=starts_by,
            startTimestamp=stamp(self.now),
        )  # fmt: skip
        self._segment_began = self.now
        return self

    def end_segment(self, by: str) -> Self:
        length = seconds(self.now - self._segment_began)
        self._segment.update(endTimestamp=stamp(self.now), segmentEndType=by, segmentTime=length)
        return self

    def cancel_segment(self, by: str = "customer-disconnect") -> Self:
        """End a segment that no agent answered."""
        self.end_segment(by)
        self._segment.update(segmentCancelled=True, segmentCancelTime=self._segment["segmentTime"])
        return self

    def enter_queue(self, typical: float = 0, line: int = 0, by: str = "ivr") -> Self:
        """Join a queue and wait in it for typically so many seconds."""
        queue = self.lines[line]
        self.record.setdefault("ivrTime", seconds(self.now - self.start))
        self._stay = self.child(
            "queues", "interactionQueueId", queueId=queue.id, queueName=queue.name, platformQueueId=queue.number,
            queueType="queue", queueEntryType=by, queueEntryLength=self.dice.number(1, 6),
            interactionSegmentId=self._segment["interactionSegmentId"], startTimestamp=stamp(self.now),
        )  # fmt: skip
        self._stay_began = self.now
        return self.wait(typical) if typical else self

    def leave_queue(self, by: str) -> Self:
        length = seconds(self.now - self._stay_began)
        self._stay.update(
            endTimestamp=stamp(self.now), queueTime=length, slaTime=length, queueExitType=by,
            queueExitLength=self.dice.number(0, 4),
        )  # fmt: skip
        return self

    def give_up(self) -> Self:
        """The customer leaves the queue before any answer."""
        self.leave_queue("abandon").cancel_segment().end()
        return self.set(customerAbandonTime=self.record["segments"][0]["segmentCancelTime"])

    def offer(self, member: int, typical: float, accepted: bool = True) -> Self:
        """Offer the work to an agent; a refused or missed offer ends its leg (S3)."""
        agent, offered = self.team[member], self.now
        row = self._leg = self.child(
            "agents", "interactionAgentId", agentId=agent.id, agentName=agent.name,
            tenantAgentId=agent.number + 15, platformAgentId=agent.number, sessionId=self.dice.id(),
            interactionSegmentId=self._segment["interactionSegmentId"], agentWorkAccepted=accepted,
            startTimestamp=stamp(offered),
        )  # fmt: skip
        if self._stay:
            row["queueId"] = self._stay["queueId"]
        row["agentWorkOfferTime"] = seconds(self.wait(typical).now - offered)
        if not accepted:
            row["endTimestamp"] = stamp(self.now)
            return self
        row.update(agentWorkAcceptedTime=row["agentWorkOfferTime"], conversationStartTimestamp=stamp(self.now))
        if self._stay:
            self.leave_queue("success")
            self._stay.update(timeToAnswer=self._stay["queueTime"], agentId=agent.id)
            self._stay = {}
        self._segment["segmentToAgentId"] = agent.id
        self.agent, self._conversation_began = agent, self.now
        self.answered_at = self.answered_at or self.now
        return self

    def talk(self, typical: float, uneven: int = 0) -> Self:
        """A stretch of talk; the agent's side of it runs ``uneven`` milliseconds longer than the customer's (S9)."""
        began = self.stretch("customerTalkTime", typical)
        self._talked += self.now - began
        self.child(
            "talkTimes", "interactionAgentTalkTimeId", self._leg,
            interactionAgentId=self._leg["interactionAgentId"], agentId=self._leg["agentId"],
            startTimestamp=stamp(began), endTimestamp=stamp(self.now + uneven),
            agentTalkTime=seconds(self.now + uneven - began),
        )  # fmt: skip
        return self

    def hold(self, typical: float) -> Self:
        began = self.stretch("customerHoldTime", typical)
        self._held += self.now - began
        self.record["customerHolds"] += 1
        self.record["customerHoldTime"] = seconds(self._held)
        return self

    def stretch(self, field: str, typical: float) -> int:
        """Wait, and write how long into the array of such stretches, which is called as the field is; when it began."""
        began = self.now
        self.wait(typical)
        self.child(
            f"{field}s", f"interactionC{field[1:]}Id", startTimestamp=stamp(began), endTimestamp=stamp(self.now),
            **{field: seconds(self.now - began)},
        )  # fmt: skip
        return began

    def release(self, wrap_up: float = 0, by: str = "success") -> Self:
        """End conversation, leg and segment; the customer does not wait for the wrap-up."""
        conversed = self.now - self._conversation_began
        self._conversed += conversed
        length = seconds(conversed)
        self._leg.update(
            conversationEndTimestamp=stamp(self.now), agentConversationTime=length, agentTalkTime=length,
            agentHandleTime=length, agentFocusTime=seconds(conversed + self.dice.number(0, 1) * 855),
        )  # fmt: skip
        parted = self.now
        self.wait(wrap_up)
        if self.now > parted:
            self._leg["agentWrapUpTime"] = seconds(self.now - parted)
        self._leg["endTimestamp"] = stamp(self.now)
        self.end_segment(by)
        self.now = parted
        return self

    def transfer(self, line: int, wait: float) -> Self:
        """Hand the customer to another queue, where they wait before the next offer."""
        self.release()
        self.record["customerTransfers"] = self.record.get("customerTransfers", 0) + 1
        return self.begin_segment("transfer").enter_queue(wait, line, by="transfer")

    def part(self, wrap_up: float = 0, by: str = "success") -> Self:
        """Agent and customer part, and with it the interaction ends."""
        return self.release(wrap_up, by).end()

    def end(self) -> Self:
        """The customer leaves; the totals are written."""
        self.ended_at = self.now
        self.record.update(endTimestamp=stamp(self.now), interactionTime=seconds(self.now - self.start))
        if self._talked or self._conversed:
            self.record["customerTalkTime"] = seconds(self._talked)
            self.record["customerConversationTime"] = seconds(self._conversed)
        return self

    def attribute(self, name: str, value: str, *, by_agent: bool = False, at: int | None = None) -> Self:
        """Set a custom attribute: the NAME goes to ``hookType``, the VALUE to ``hookName`` (UPSTREAM §6.5)."""
        row = self._hook(name, ATTRIBUTE, self.dice.id(), self.now if at is None else at, hookBy="flow", hookName=value)
        if by_agent:
            self._by_agent(row)
        if not self.legacy:
            self.record.setdefault("interactionAttributes", []).append(dict(row))
        return self

    def crm_link(self, system: str, object_kind: str, record_id: str, name: str | None = None) -> Self:
        """Link a CRM record: ``hookedBy`` names its author, the display name is optional (S7)."""
        row = self._hook(system, object_kind, record_id, self.now, hookedBy="26303434627")
        if name is not None:
            row["hookName"] = name
        return self._by_agent(row)

    def _hook(self, kind: str, subtype: str, hook_id: str, at: int, **fields: Any) -> Record:
        named = {"hookType": kind, "hookSubType": subtype, "hookId": hook_id, "timestamp": stamp(at), **fields}
        return self.child("hooks", "interactionHookId", **named)

    def note(self, title: str, body: str, *, at: int) -> None:
        """Add a note by the agent; its times fall on whole seconds."""
        created = at // 1000 * 1000
        times = {"created": stamp(created), "updated": stamp(created + 8000)}
        self._by_agent(self.child("notes", "noteId", title=title, body=body, **times))

    def _by_agent(self, row: Record) -> Self:
        if self.agent is not None:
            row["agentId"] = self.agent.id
        return self

    def edit(self, after: float, **fields: Any) -> None:
        """Change root fields ``after`` seconds past the end (S10)."""
        if self.ended_at is not None:
            self.edits.append((self.ended_at + round(after * 1000), fields))
