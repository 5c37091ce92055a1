"""The tasks: CheXinstruct's 37 and two of Hilum's own, one file a family, drawn up from what a study holds.

for conversation in conversations(record, Split.TRAIN, balance, seed=0, tasks=chosen("all")): ...
"""

from hilum.instruct.tasks.compose import conversations
from hilum.instruct.tasks.registry import CORE, TASKS, Published, chosen, published
from hilum.instruct.tasks.spec import Group, TaskSpec

__all__ = ["CORE", "TASKS", "Group", "Published", "TaskSpec", "chosen", "conversations", "published"]
