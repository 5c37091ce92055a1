"""Studies become conversations: tasks, splits, shards, with a data card and a gallery.

from hilum.instruct import Shards, build
shards = build([SourceSpec("phantom")], Path("data"), limit=100, size=128)
for conversation in shards.conversations(Split.TRAIN): print(conversation.to_chat())
"""

from hilum.instruct.build import build
from hilum.instruct.card import summary
from hilum.instruct.label_state import Balance, LabelState
from hilum.instruct.leaks import Audit, Leak, audit
from hilum.instruct.mixture import Mixture, read_mixture
from hilum.instruct.preview import preview
from hilum.instruct.records import RegionRecord, StudyRecord
from hilum.instruct.shards import Shards
from hilum.instruct.splits import split_of
from hilum.instruct.tasks import TASKS, chosen, conversations, published

__all__ = [
    "TASKS",
    "Audit",
    "Balance",
    "LabelState",
    "Leak",
    "Mixture",
    "RegionRecord",
    "Shards",
    "StudyRecord",
    "audit",
    "build",
    "chosen",
    "conversations",
    "preview",
    "published",
    "read_mixture",
    "split_of",
    "summary",
]
