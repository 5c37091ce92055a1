"""A judge that counts what it is asked, and a model that answers from a list."""

from __future__ import annotations

from hilum.endpoint import Told
from hilum.judge.base import PairJudge
from hilum.judge.rules import FactsJudge
from hilum.study import State, Verdict

EFFUSION = "Small left pleural effusion. No pneumothorax."
MASS = "Right upper lobe mass. The heart is normal in size."


class Counting(FactsJudge):
    """Judges facts, remembers the pairs, and fails while it is broken."""

    def __init__(self, *, version: int = 1, broken: bool = False, **settings) -> None:
        super().__init__(**settings)
        self.version, self.broken, self.asked = version, broken, []

    @property
    def identity(self):
        return {**super().identity, "version": self.version}

    def _judge(self, pairs, keep) -> None:
        self.asked += pairs
        if self.broken:
            keep(dict.fromkeys(range(len(pairs)), Verdict(None, state=State.FAILED, detail="down")))
        else:
            super()._judge(pairs, keep)


class Fixed(PairJudge):
    """Gives every pair that is fit to be judged one verdict."""

    def __init__(self, verdict: Verdict | None, name: str = "fixed", **settings) -> None:
        super().__init__(**settings)
        self.verdict, self.name, self.asked = verdict, name, []

    @property
    def identity(self):
        return {"judge": self.name}

    def _judge(self, pairs, keep) -> None:
        self.asked += pairs
        if self.verdict is not None:
            keep(dict.fromkeys(range(len(pairs)), self.verdict))


class Scripted:
    """A language model that gives what it was told to, and remembers its prompts."""

    def __init__(self, *told: Told) -> None:
        self.told, self.prompts = told, []
        self.identity = {"model": "scripted"}

    def answer(self, prompts, max_tokens, keep) -> None:
        for number, prompt in enumerate(prompts):
            keep(number, self.told[len(self.prompts) % len(self.told)])
            self.prompts.append(prompt)

    def spent(self):
        return {"requests": len(self.prompts)}
