"""koji as a build system: what is submitted is never lost, and never submitted twice.

The order is the point. The record says where the source package goes (a folder named after the record's
random token) and who asks, and is saved, before the first byte is sent. The task's number is saved the
moment the hub tells it. Between the two a connection, a hub or this process can end at any point; then the
person's build tasks are searched for the token. Reading needs no login, so a build can be watched for days.
"""

from __future__ import annotations

import dataclasses
import datetime
import importlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedvhost.builds.backend import Event, Phase, Remark, TaskTree, Tell, Transfer
from fedvhost.builds.complaint import complaint_in, tail
from fedvhost.builds.koji_errors import AnswerLost, HubRefused, HubUnreachable
from fedvhost.builds.koji_files import bring, bring_growing, find_outputs
from fedvhost.builds.koji_profile import INSTALL, Profile, read_profile
from fedvhost.builds.koji_tasks import culprits, reason, state_of, task_tree
from fedvhost.builds.record import Record, State, Task, Via, save, utc_now
from fedvhost.errors import InputError, ToolError
from fedvhost.evidence import digest
from fedvhost.workspace import Workspace, nearest

if TYPE_CHECKING:
    from fedvhost.builds.koji_session import Hub

_FIRST_CONTACT = 15.0  # seconds of patience before anything was sent
_SETTLED = 5.0  # seconds after which a call that was cut off is either at the hub or nowhere
_SUBMIT_TRIES = 3
_FIRST_LOOK = 0.5  # seconds between two looks at a young build
_LAST_LINES = 10
_REPOSITORY_WITHIN = 2 * 3600.0  # seconds; koji's own wait-repo waits as long


@dataclass(frozen=True, slots=True)
class Koji:
    """koji, for one workspace. The record's ``profile`` and ``target`` say where; its ``own`` keeps
    ``source`` (where the source package is at the hub), ``owner`` (the person's number there), ``since`` (the
    hub's time before that, in seconds) and ``asked`` (our time at which the build was asked for, UTC; it may
    have arrived from then on)."""

    workspace: Workspace
    via: Via = "koji"
    stays: bool = True

    def ready(self, record: Record) -> Record:
        """Log in and look for the target.

        Raises:
            InputError: no such profile or target, or the tag does not take the package.
            ToolError: koji's library is missing, the hub cannot be reached or lets nobody in.
        """
        if record.arches and not record.scratch:
            raise InputError(
                "--arch-override is for scratch builds; koji refuses it for others: add --scratch"
            )
        if record.options:
            raise InputError(
                f"{', '.join(record.options)}: koji builds a spec as it stands; change its defaults, "
                "or build with rpmbuild or mock"
            )
        profile = read_profile(record.profile or "koji")
        with self._hub(profile, _unheard, patience=min(_FIRST_CONTACT, profile.patience)) as hub:
            target = _target(hub, record)
            if not record.scratch and record.nvr:
                _check_package(hub, target, record.nvr)
        return dataclasses.replace(record, profile=profile.name, hub=profile.server)

    def submit(self, record: Record, tell: Tell) -> Record:
        """Upload the source package and ask for the build, once.

        Raises:
            InputError: the tag does not take the package, or has this very build already.
            ToolError: the hub; whether it has the build is then found out by ``status``.
        """
        profile = read_profile(record.profile)
        srpm = self.workspace.root / record.srpm
        if record.srpm_sha256 and digest(srpm) != record.srpm_sha256:
            raise InputError("changed since the build was prepared; build again", file=record.srpm)
        tell(Phase("submitting"))
        with self._hub(profile, tell) as hub:
            owner = int(hub.call("getLoggedInUser")["id"])
            if record.state is State.SUBMITTING and (found := self._search(hub, record)) is not None:
                return self._arrived(record, found)
            if not record.scratch:
                _check_package(hub, _target(hub, record), record.nvr)
            folder = f"cli-build/fedvhost-{record.token}"
            since = float(hub.call("getLastEvent")["ts"])
            own = {**record.own, "source": f"{folder}/{srpm.name}", "owner": owner, "since": since}
            record = dataclasses.replace(
                record, state=State.SUBMITTING, because="", started=utc_now(), own=own
            )
            record = save(self.workspace, record)

            def progress(done: int, total: int) -> None:
                tell(Transfer(f"uploading {srpm.name}", done, total))

            hub.upload(srpm, folder, progress)
            # From here on the hub may have it without our knowing.
            record = save(self.workspace, dataclasses.replace(record, own={**own, "asked": utc_now()}))
            try:
                return self._arrived(record, self._ask(hub, record, tell))
            except HubUnreachable as error:
                raise ToolError(
                    f"{error}. Whether it has the build is not known; nothing is lost; "
                    f"find out with: {self.workspace.program} build status {record.id}"
                ) from error

    def watch(self, record: Record, tell: Tell) -> Record:
        """Wait for the build's end; a hub that is away is waited for. Ctrl-C leaves the build alone."""
        profile = read_profile(record.profile)
        if record.task is None:
            record = self.status(record)
        if record.task is None:
            return record
        pause = min(_FIRST_LOOK, profile.poll_interval)
        shown: tuple[Task, ...] = ()
        with self._hub(profile, tell, login=False) as hub:
            while True:
                record = self._look(hub, record)
                if record.tasks != shown:
                    shown = record.tasks
                    tell(TaskTree(shown))
                if record.state.final or record.state is State.UNKNOWN:
                    return record
                time.sleep(pause)
                # A build takes seconds or hours; who waits for hours need not ask twice a second.
                pause = min(pause * 1.3, profile.poll_interval)

    def status(self, record: Record) -> Record:
        """Look once. A build whose submission was cut off is searched for, which can take five seconds."""
        if record.state.final:
            return record
        with self._hub(read_profile(record.profile), _unheard, login=False) as hub:
            if record.task is None:
                if record.state is not State.SUBMITTING:
                    return record
                found = self._search(hub, record)
                if found is None:
                    return self._never_arrived(record)
                record = self._arrived(record, found)
            return self._look(hub, record)

    def collect(self, record: Record, folder: Path, tell: Tell) -> Record:
        """Download RPMs and logs; of a failed build the logs, with what the compiler said."""
        if not record.state.final or record.task is None:
            return record
        with self._hub(read_profile(record.profile), tell, login=False) as hub:
            found = find_outputs(hub, record.tasks)
            wanted = [o for o in found if o.is_log or record.ok]
            paths = dict(zip(wanted, bring(hub, wanted, folder, tell), strict=True))
        results = tuple(self.workspace.relative(p) for o, p in paths.items() if not o.is_log)
        logs = tuple(self.workspace.relative(p) for o, p in paths.items() if o.is_log)
        notes = record.notes
        if record.ok and not results:
            notes = (
                *notes,
                "built, but the hub has no RPMs of it any more: scratch results are kept for days",
            )
        complaint = record.complaint
        if record.state is State.FAILED:
            blamed = {t.number for t in culprits(record.tasks)} or {t.number for t in record.tasks}
            complaint = _complaint(p for o, p in paths.items() if o.task in blamed) or complaint
        return save(
            self.workspace,
            dataclasses.replace(record, results=results, logs=logs, notes=notes, complaint=complaint),
        )

    def logs(self, record: Record, folder: Path, tell: Tell) -> Record:
        """Download the logs as they are now."""
        if record.task is None:
            record = self.status(record)
        if record.task is None:
            return record
        with self._hub(read_profile(record.profile), tell, login=False) as hub:
            record = self._look(hub, record)
            wanted = [o for o in find_outputs(hub, record.tasks) if o.is_log]
            paths = bring_growing(hub, wanted, folder, tell)
        logs = tuple(self.workspace.relative(p) for p in paths)
        return save(self.workspace, dataclasses.replace(record, logs=logs))

    def cancel(self, record: Record) -> Record:
        """Have the hub end the build's tasks."""
        if record.task is None:
            record = self.status(record)
        if record.state.final:
            return record
        if record.task is None:
            ended = dataclasses.replace(
                record, state=State.CANCELLED, because="it was never submitted", ended=utc_now()
            )
            return save(self.workspace, ended)
        record = save(self.workspace, dataclasses.replace(record, own={**record.own, "cancelled": utc_now()}))
        with self._hub(read_profile(record.profile), _unheard) as hub:
            try:
                hub.call("cancelTask", record.task)
            except HubRefused as refused:
                # It may have ended a moment before; then that is the outcome.
                record = self._look(hub, record)
                if not record.state.final:
                    raise InputError(
                        f"task {record.task} cannot be cancelled: {reason(refused.said)}"
                    ) from refused
                return record
            return self._look(hub, record)

    def available(self, record: Record, tell: Tell) -> None:
        """Wait until the build tag's repository has the build. A scratch build never gets there; neither does
        one whose tag the build tag does not inherit.

        Raises:
            ToolError: two hours have passed.
        """
        if record.scratch or not record.ok:
            return
        profile = read_profile(record.profile)
        name = record.nvr.rsplit("-", 2)[0]
        until = time.monotonic() + _REPOSITORY_WITHIN
        with self._hub(profile, tell, login=False) as hub:
            tag = _target(hub, record)["build_tag"]

            def has_it(**event: Any) -> bool:
                tagged = hub.call("listTagged", tag, package=name, inherit=True, latest=True, **event)
                return any(build["nvr"] == record.nvr for build in tagged)

            if not has_it():
                return
            said = False
            while time.monotonic() < until:
                repository = hub.call("getRepo", tag)
                if repository and has_it(event=repository["create_event"]):
                    return
                if not said:
                    tell(Remark(f"waiting until the next build can see {record.nvr} (a new repository)"))
                    said = True
                time.sleep(min(profile.poll_interval, 10.0))
        raise ToolError(
            f"two hours after {record.nvr} was built, the build tag's repository still lacks it; "
            "build the next package when it is there"
        )

    def _hub(self, profile: Profile, tell: Tell, *, login: bool = True, patience: float | None = None) -> Hub:
        try:
            sessions = importlib.import_module("fedvhost.builds.koji_session")
        except ImportError as error:
            raise ToolError(f"{INSTALL} [{error}]") from error
        hub: Hub = sessions.Hub(
            profile,
            login or bool(profile.options.get("force_auth")),
            profile.patience if patience is None else patience,
            tell,
        )
        return hub

    def _ask(self, hub: Hub, record: Record, tell: Tell) -> int:
        """Ask for the build and return the task's number. One that is asked for again is never built twice:
        within one login the hub lets calls through one by one and refuses those that come late."""
        options: dict[str, Any] = {"scratch": True} if record.scratch else {}
        if record.arches:
            options["arch_override"] = " ".join(record.arches)
        for attempt in range(_SUBMIT_TRIES):
            try:
                return int(hub.call("build", record.own["source"], record.target, options))
            except (AnswerLost, HubUnreachable) as lost:
                tell(Remark("the answer was lost; looking for the build at the hub"))
                found = self._search(hub, record)
                if found is not None:
                    return found
                if attempt + 1 == _SUBMIT_TRIES:
                    raise ToolError(f"{lost}; the build did not arrive there") from lost
        raise AssertionError("unreachable")

    def _search(self, hub: Hub, record: Record) -> int | None:
        """Return the number of the task that this record's submission made, if it made one."""
        asked = record.own.get("asked")
        if asked is None:
            return None
        own = record.own
        options = {"owner": own["owner"], "method": "build", "createdAfter": own["since"] - 1}
        while True:
            tasks = hub.call("listTasks", {**options, "decode": True}, {"order": "-id"})
            mine = [t for t in tasks if record.token in str((t["request"] or [""])[0])]
            if mine:
                return int(min(t["id"] for t in mine))
            # A call that was cut off may still be at work inside the hub.
            rest = _SETTLED - (time.time() - _seconds(asked))
            if rest <= 0:
                return None
            time.sleep(min(rest, 1.0))

    def _arrived(self, record: Record, task: int) -> Record:
        state = State.SUBMITTED
        return save(self.workspace, dataclasses.replace(record, task=task, state=state, because=""))

    def _never_arrived(self, record: Record) -> Record:
        because = "it never arrived at the hub, and nothing runs there; build again"
        return save(self.workspace, dataclasses.replace(record, state=State.PREPARED, because=because))

    def _look(self, hub: Hub, record: Record) -> Record:
        """See how the tasks are, and save it if that is news."""
        # The root first: if it has ended, so have its children by the time they are asked for.
        root = hub.call("getTaskInfo", record.task)
        if root is None:
            because = f"the hub does not know task {record.task} any more"
            return save(self.workspace, dataclasses.replace(record, state=State.UNKNOWN, because=because))
        below = hub.call("getTaskDescendents", record.task)
        everyone = (root, *(task for children in below.values() for task in children))
        ids = {int(task["host_id"]) for task in everyone if task.get("host_id") is not None}
        names = dict(record.own.get("hosts", {}))
        for number in sorted(ids):
            if str(number) not in names:
                names[str(number)] = str((hub.call("getHost", number) or {}).get("name", ""))
        tasks = task_tree(root, below, {int(k): v for k, v in names.items()})
        state = state_of(tasks[0])
        if tasks == record.tasks and state is record.state:
            return record
        own = {**record.own, "hosts": names}
        new = dataclasses.replace(record, tasks=tasks, state=state, own=own)
        if state.final:
            because = self._because(hub, new)
            new = dataclasses.replace(new, because=because, ended=_ended(root))
        return save(self.workspace, new)

    def _because(self, hub: Hub, record: Record) -> str:
        """Why a build ended as it did, in one line."""
        if record.state is State.DONE:
            return ""
        if record.state is State.CANCELLED:
            by = "" if "cancelled" in record.own else ", not by fedvhost here"
            return f"task {record.task} was cancelled{by}"
        guilty = next(iter(culprits(record.tasks)), record.tasks[0])
        try:
            hub.call("getTaskResult", guilty.number)
        except HubRefused as refused:
            return f"task {guilty.number} {guilty.label} failed: {reason(refused.said)}"
        return f"task {guilty.number} {guilty.label} failed"


def _target(hub: Hub, record: Record) -> dict[str, Any]:
    """The build target of the record at the hub, which takes builds for any name and fails them later."""
    found: dict[str, Any] | None = hub.call("getBuildTarget", record.target)
    if not found:
        names = sorted(str(t["name"]) for t in hub.call("getBuildTargets"))
        raise InputError(
            f"no build target '{record.target}' at {hub.profile.server} (koji profile '{hub.profile.name}'); "
            + nearest(record.target, names)[:400]
        )
    return found


def _check_package(hub: Hub, target: dict[str, Any], nvr: str) -> None:
    """What would fail a real build at its very end, or at its start, is told now."""
    name, tag = nvr.rsplit("-", 2)[0], target["dest_tag_name"]
    config = hub.call("getPackageConfig", tag, name)
    if not config or config.get("blocked"):
        raise InputError(
            f"package '{name}' is {'blocked' if config else 'not in the list'} for tag '{tag}'; an "
            "administrator of the hub changes that, and --scratch builds without"
        )
    built = hub.call("getBuild", nvr)
    if built and built.get("state") == 1:  # koji.BUILD_STATES["COMPLETE"]
        raise InputError(
            f"{nvr} is built already (build {built['id']}), and koji builds nothing twice; raise its release"
        )


def _complaint(logs: Iterable[Path]) -> tuple[str, ...]:
    """What the logs of failed tasks say: build.log first, and its end where no line looks like an error."""
    ordered = sorted(logs, key=lambda p: (not p.name.startswith("build-"), p.name))
    for log in ordered:
        if found := complaint_in(log):
            return found
    return tail(ordered[0], _LAST_LINES) if ordered else ()


def _seconds(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment).timestamp()


def _ended(root: dict[str, Any]) -> str:
    """When the hub says the task ended; our own time where it does not."""
    moment = root.get("completion_ts")
    if not isinstance(moment, int | float):
        return utc_now()
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unheard(_: Event) -> None:
    """Nobody listens."""
