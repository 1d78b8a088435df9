"""What a node works with besides the state: LangGraph's typed runtime context."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from cfx_flow.contract.model import Contract
from cfx_flow.contract.read import frozen_contract
from cfx_flow.errors import PermissionDenied
from cfx_flow.flows.model import Flow, FlowFailed, Reason, Step
from cfx_flow.flows.request import targets_of
from cfx_flow.flows.resume import model_gone
from cfx_flow.flows.run import FlowRun
from cfx_flow.sizes import LEAST_BYTES_PER_TOKEN, bytes_of
from cfx_flow.stages.model import StageName, Target
from cfx_flow.suites.verdict import Run
from cfx_flow.workspace.opened import OpenSnapshots
from cfx_flow.workspace.snapshot import Snapshot
from graphs.ask import Answer, Question, bytes_of_all, output_limit
from graphs.call import ModelCall, Tools
from graphs.fences import clipped

RESERVE_TOKENS = 2_000
"""for the words around what a prompt shows, a schema, and the estimate's error"""

_ROLES = {"human": "user", "ai": "assistant"}


@dataclass(frozen=True)
class Work:
    """One run of one flow."""

    run: FlowRun
    snapshots: OpenSnapshots
    tools: Tools
    patched: dict[int, Mapping[str, str]] = field(default_factory=dict)
    """the changed files as the patch of a check leaves them; of checks of this run"""
    rooms: dict[StageName, int] = field(default_factory=dict)
    """as ``room`` has reckoned it"""
    contracts: dict[int, Contract | None] = field(default_factory=dict)
    """by the step that froze it: CODE's diffs and REVIEW's prompts are held to the same one in every round"""
    unpatched: dict[str, Run] = field(default_factory=dict)
    """what the tests say of the snapshot itself, by their policy's name; of this run"""
    ranking: array[int] = field(default_factory=partial(array, "H"))
    """of the snapshot's texts, most relevant to the task first, the place of each among them; empty until
    somebody has asked. Of 20,000 the paths would be megabytes, in every flow that waits."""

    @property
    def flow(self) -> Flow:
        return self.run.flow

    def opened(self) -> AbstractAsyncContextManager[Snapshot]:
        """The flow's snapshot, for work of the processor's. Raises NotFound."""
        return self.snapshots.opened(self.flow.user_id, self.flow.snapshot_id)

    async def snapshot(self) -> Snapshot:
        """For who has a turn of another kind. Raises NotFound."""
        return await self.snapshots.get(self.flow.user_id, self.flow.snapshot_id)

    def contract_of(self, planned: Step) -> Contract | None:
        if planned.n not in self.contracts:
            self.contracts[planned.n] = frozen_contract(planned.detail, planned.output or "")
        return self.contracts[planned.n]

    def keep_patched(self, check_step: int, files: Mapping[str, str]) -> None:
        """For REVIEW, which comes next; those of earlier rounds are not asked for again."""
        self.patched.clear()
        self.patched[check_step] = files

    def system(self, name: StageName) -> str:
        prompt = self.tools.models.stages[name].prompt
        return self.tools.prompts.text(prompt) if prompt else ""

    def messages(self, name: StageName, user: str) -> list[BaseMessage]:
        system = self.system(name)
        return [_turn_of(system), HumanMessage(user)] if system else [HumanMessage(user)]

    def targets(self, name: StageName) -> tuple[Target, ...]:
        """Raises FlowFailed when the chosen model has left the whitelist since the flow was accepted."""
        try:
            return targets_of(self.tools.models, name, self.flow.options.models.get(name))
        except PermissionDenied as error:
            raise FlowFailed(Reason.INTERNAL, f"{error.message} {model_gone(name)}") from None

    def room(self, name: StageName) -> int:
        """Bytes of a prompt for which the smallest context window of the stage's targets has room, beside
        the system prompt and the answer."""
        if name not in self.rooms:
            stage, targets = self.tools.models.stages[name], self.targets(name)
            tokens = min([target.context_window - output_limit(stage, target) for target in targets])
            room = (tokens - RESERVE_TOKENS) * LEAST_BYTES_PER_TOKEN
            self.rooms[name] = room - bytes_of(self.system(name))
        return self.rooms[name]

    def again(
        self, name: StageName, messages: Sequence[BaseMessage], answer: str, problem: str
    ) -> list[BaseMessage]:
        """The same question once more, with what was said, as far as there is room for it, and exactly what
        is wrong with it."""
        taken = bytes_of_all(messages) - bytes_of(self.system(name)) + bytes_of(problem)
        said = clipped(answer, max(self.room(name) - taken, 0))
        turn = [AIMessage(said)] if answer.strip() else []  # some providers refuse an empty one
        return [*messages, *turn, HumanMessage(problem)]

    async def call(
        self,
        step: Step,
        name: StageName,
        messages: Sequence[BaseMessage],
        schema: Mapping[str, Any] | None = None,
    ) -> tuple[Step, Answer]:
        """Raises as ``ModelCall.make``."""
        question = Question(self.tools.models.stages[name], self.targets(name), messages, schema)
        return await ModelCall(self.run, self.tools, step, question).make()

    async def call_again(
        self,
        step: Step,
        name: StageName,
        messages: Sequence[BaseMessage],
        why: str,
        schema: Mapping[str, Any] | None = None,
    ) -> tuple[Step, Answer]:
        """After an answer that will not do. A failure to make the call says ``why`` it was due."""
        try:
            return await self.call(step, name, messages, schema)
        except FlowFailed as failure:
            raise FlowFailed(failure.reason, f"{why} {failure.message}") from None


@lru_cache(maxsize=16)
def _turn_of(system: str) -> SystemMessage:
    """The same in every call of a stage."""
    return SystemMessage(system)


def input_of(messages: Sequence[BaseMessage]) -> dict[str, Any]:
    """As ``…/steps/{n}`` shows it."""
    return {
        "messages": [
            {"role": _ROLES.get(message.type, message.type), "content": str(message.content)}
            for message in messages
        ]
    }
