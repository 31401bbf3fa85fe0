"""All tags of one version of the catalogue."""

from collections.abc import Sequence

from models.catalogue.tag import Tag, Value


def set_of(tag_id: str, value: Value) -> str:
    """Name of the set of those who hold a value of a tag."""
    return tag_id if value is True else f"{tag_id}={value}"


class Catalogue:
    """Tags in the order of the file, which is the order of their changes at one instant.

    Args:
        tags: all of them, ids unique.
        text: the file they were read from.
        revision: counts what was put into force in a deployment, snapshots of the population included; 0 =
            never put into force.
        since: revision with which this catalogue came into force.
    """

    def __init__(
        self, tags: Sequence[Tag] = (), text: str = "", revision: int = 0, since: int | None = None
    ) -> None:
        self.tags = tuple(tags)
        self.text = text
        self.revision = revision
        self.since = revision if since is None else since
        self.by_id = {tag.id: tag for tag in tags}
        self.members = {tag.id for tag in tags if tag.about.members}
        self._asked: dict[int, tuple[Tag, ...]] = {}

    def sets(self) -> list[str]:
        """Names of the sets of members that are kept: a tag, or `tag=value`."""
        kept = [tag for tag in self.tags if tag.about.members]
        values = ((tag.id, tag.about.values or (True,)) for tag in kept)
        return [set_of(tag_id, value) for tag_id, some in values for value in some]

    def asked(self, known: int) -> tuple[Tag, ...]:
        """The tags that can be held of a customer of whom so much is known, see `parts`."""
        found = self._asked.get(known)
        if found is None:
            found = self._asked[known] = tuple(tag for tag in self.tags if tag.about.needs & ~known == 0)
        return found


EMPTY = Catalogue()
