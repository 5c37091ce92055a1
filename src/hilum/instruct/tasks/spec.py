"""What a task is: its name, what a study must hold for it, and what draws up its questions.

TaskSpec(Task.CAPTION, "Caption Generation", Group.TEXT, (caption,), "an image, a caption", ("roco",))
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hilum.instruct.qa_pairs import Maker
from hilum.study import Task


class Group(StrEnum):
    """The groups in which CheXinstruct lists its tasks."""

    COARSE = "coarse"
    FINE = "fine"
    TEXT = "text generation"
    QUESTION = "question answering"
    OTHER = "miscellaneous"
    OWN = "Hilum's own"


@dataclass(frozen=True)
class TaskSpec:
    """A task of Hilum's, and the published one that it is, or is a form of.

    Args:
        name: as CheXinstruct publishes it; several tasks may be forms of one.
        makers: what draws up its pairs; one may serve several tasks.
        needs: what a study must hold, in words.
        sources: those that CheXinstruct asks it of, by the names of `hilum.sources`; any other that holds
            what it needs serves as well.
        version: raised when the same study comes to give other questions or answers.
        others: whether it takes what does not belong to a study from other patients' studies.
    """

    task: Task
    name: str
    group: Group
    makers: tuple[Maker, ...]
    needs: str
    sources: tuple[str, ...] = ()
    version: int = 1
    others: bool = False
