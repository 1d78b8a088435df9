"""A change written into a working tree, and taken back: all of it or nothing, over other work or not at all.

``apply`` and ``rollback`` are the same act in two directions (``act.py``): each file's new content is
worked out first (``carry.py``), then a journal is sealed (``journal.py``), then files take their places
(``files.py``). ``recover`` clears up after a process that died in the middle. ``git.py`` keeps before and
after as trees, ``commit.py`` makes commits.
"""

from cfx_flow.workspace.edits.act import Done, apply, recover, rollback
from cfx_flow.workspace.edits.change import Change, changes_of
from cfx_flow.workspace.edits.commit import CommitWish, message_of

__all__ = ["Change", "CommitWish", "Done", "apply", "changes_of", "message_of", "recover", "rollback"]
