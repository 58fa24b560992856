"""`comment`: one comment on a pull request that is kept up to date, whoever else comments there."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass

from reconciler.operations.failures import Misused
from reconciler.operations.forges import Comment, Forge
from reconciler.sdk import Uncertain


class Done(enum.Enum):
    """What was done about the comment."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commented:
    """What was done, where it can be seen, and how many doubles of earlier runs were taken away."""

    done: Done
    address: str
    doubles: int = 0


def marker(project: str, environment: str, name: str) -> str:
    """The hidden first line by which the comment of a project and environment is found again."""
    key = hashlib.sha256(f"{project}\n{environment}\n{name}".encode()).hexdigest()
    return f"<!-- reconciler comment {key[:32]} -->"


def room(forge: Forge, mark: str) -> int:
    """Characters that the text of the comment may have."""
    return forge.limit - len(mark) - 1


def comment(forge: Forge, mark: str, text: str) -> Commented:
    """
    Let the pull request have exactly one comment with this marker, and let it say `text`.

    Ours is only what begins with the marker and was written by the token's user: what others write, or quote, is left
    alone. Of doubles, which two runs at once may leave, the oldest stays. A comment whose reply was lost is looked
    for, not written again.
    """
    if len(text) > room(forge, mark):
        raise Misused(
            f"the text has {len(text):,} characters, and a comment may have {room(forge, mark):,}",
            help="`--plan` keeps to the limit by itself",
        )
    body = f"{mark}\n{text}"
    author = forge.author()
    found = _ours(forge, author, mark)
    done, address = Done.UNCHANGED, ""
    if not found:
        done = Done.CREATED
        try:
            written = forge.create(body)
            author, address = written.author or author, written.address
        except Uncertain:
            if not _ours(forge, author, mark):
                raise
        found = _ours(forge, author, mark)  # another run may have written one at the same time
    doubles = found[1:]
    if found and _same(found[0].body) != _same(body):
        address = forge.update(found[0], body).address
        done = Done.UPDATED
    for each in doubles:
        forge.delete(each)
    return Commented(done=done, address=address, doubles=len(doubles))


def _ours(forge: Forge, author: str, mark: str) -> list[Comment]:
    """Our comments, the oldest first."""
    mine = (each for each in forge.comments() if each.author == author)
    return sorted((each for each in mine if _same(each.body).split("\n", 1)[0] == mark), key=lambda each: each.id)


def _same(body: str) -> str:
    """The text as it was written: forges may give other ends of lines back, and no blanks at the end."""
    return body.replace("\r\n", "\n").rstrip()
