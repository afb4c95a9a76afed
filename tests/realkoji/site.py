"""A person at the hub: a home with a koji profile, a workspace, and builds as the command makes them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from fedvhost.builds.backend import Event
from fedvhost.builds.koji_backend import Koji
from fedvhost.builds.record import Record, all_records, load, new_id, new_token, save, utc_now
from fedvhost.evidence import digest
from fedvhost.workspace import Workspace
from realkoji.hub import TARGET, Hub


@dataclasses.dataclass(slots=True)
class Site:
    """A person's home with a koji profile, and a workspace."""

    hub: Hub
    home: Path
    workspace: Workspace
    events: list[Event]

    def prepare(self, srpm: Path, **changes: object) -> Record:
        """A record of a build that nothing was sent of."""
        inside = self.workspace.root / "build" / srpm.name
        inside.parent.mkdir(exist_ok=True)
        inside.write_bytes(srpm.read_bytes())
        nvr = srpm.name.removesuffix(".src.rpm")
        name = nvr.rsplit("-", 2)[0]
        record = Record(
            new_id(name), new_token(), "f13", "vhost-net", name, nvr, "koji", scratch=True,
            srpm=self.workspace.relative(inside), srpm_sha256=digest(inside), target=TARGET, made=utc_now(),
        )  # fmt: skip
        return dataclasses.replace(record, **changes)  # type: ignore[arg-type]

    def submit(self, srpm: Path) -> Record:
        """A scratch build, up to the task's number."""
        koji = Koji(self.workspace)
        return koji.submit(save(self.workspace, koji.ready(self.prepare(srpm))), self.events.append)

    def build(self, srpm: Path, **changes: object) -> Record:
        """All of it, as the command does."""
        koji = Koji(self.workspace)
        record = save(self.workspace, koji.ready(self.prepare(srpm, **changes)))
        record = koji.submit(record, self.events.append)
        record = koji.watch(record, self.events.append)
        return koji.collect(record, self.folder(record), self.events.append)

    def folder(self, record: Record) -> Path:
        """Where results go."""
        return self.workspace.root / "build" / "f13" / record.nvr

    def latest(self) -> Record:
        """The last record of the workspace, as another process finds it."""
        found = all_records(self.workspace)[-1]
        assert isinstance(found, Record)
        return found

    def on_disk(self, record: Record) -> Record:
        """The record as another process finds it."""
        found = load(self.workspace, record.id)
        assert isinstance(found, Record)
        return found
