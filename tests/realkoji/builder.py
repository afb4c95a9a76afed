"""A stand-in for kojid and mock. **Not** koji's builder: everything else in these tests is the real hub.

It logs in as the builder's host and drives the hub's own calls as kojid does (``host.updateHost``,
``host.getLoadData``, ``host.openTask``, ``host.subtask``, ``host.taskSetWait``, uploads into the task,
``host.closeTask``, ``host.failTask``, ``host.moveBuildToScratch``, ``host.initBuild``,
``host.completeBuild``). What it does instead of mock: ``rpmbuild --rebuild`` on this machine, without a
chroot, without installing BuildRequires, without a repository. Every arch is built by this machine's
compiler, which is wrong for a package and right for a test of the client.

Run as ``builder.py URL FOLDER PARENT``; it ends when process PARENT, which started it, is gone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import koji

TICK = 0.1  # seconds between two looks at the hub


@dataclass(slots=True)
class ArchBuild:
    """rpmbuild at work for one buildArch task."""

    task: int
    name: str
    folder: Path
    process: subprocess.Popen[bytes]
    sent: int = 0


@dataclass(slots=True)
class Build:
    """A build task that waits for its buildArch children."""

    task: int
    source: str
    scratch: bool
    tag: int
    arches: list[str]
    children: list[int]
    build_id: int | None


@dataclass(slots=True)
class Builder:
    """One host."""

    session: Any
    top: Path
    arches: list[ArchBuild] = field(default_factory=list)
    builds: list[Build] = field(default_factory=list)

    def look(self) -> None:
        """Take what is free and move on what is under way."""
        self.session.host.updateHost(0.0, True)
        _, tasks = self.session.host.getLoadData()
        for task in tasks:
            if task["state"] == koji.TASK_STATES["FREE"]:
                self.take(task["id"])
        for arch in list(self.arches):
            try:
                self.follow(arch)
            except koji.GenericError as error:
                # Cancelled between our look and our next call; the next look ends rpmbuild.
                print(f"task {arch.task}: {error}", flush=True)
        for build in list(self.builds):
            try:
                self.finish(build)
            except koji.GenericError as error:
                print(f"task {build.task}: {error}", flush=True)
                self.fail(build.task, str(error))

    def take(self, number: int) -> None:
        """Open a task and begin it."""
        task = self.session.host.openTask(number)
        if not task:
            return
        params, _ = koji.xmlrpcplus.loads(task["request"])
        request = koji.tasks.parse_task_params(task["method"], params)
        try:
            if task["method"] == "build":
                self.begin(number, request["src"], request["target"], request["opts"] or {})
            elif task["method"] == "buildArch":
                self.rpmbuild(number, request["pkg"], request["arch"])
            elif task["method"] == "newRepo":
                # The database's part of it; no createrepo, since nothing here installs from it.
                repo, event = self.session.host.repoInit(request["tag"])
                self.session.host.repoDone(repo, {})
                self.close(number, [repo, event])
            else:
                raise koji.GenericError(f"this builder does not do {task['method']}")
        except koji.GenericError as error:
            self.fail(number, str(error))

    def begin(self, number: int, source: str, target: str, opts: dict[str, Any]) -> None:
        """What kojid's BuildTask does before it waits."""
        found = self.session.getBuildTarget(target)
        if not found:
            raise koji.GenericError(f"unknown build target: {target}")
        scratch = bool(opts.get("scratch"))
        if opts.get("arch_override") and not scratch:
            raise koji.BuildError("arch_override is only allowed for scratch builds")
        path = Path(koji.pathinfo.work()) / source
        header = koji.get_rpm_header(str(path))
        # Importing moves the file, so as kojid does with what it rebuilt: into the task's own folder.
        where = koji.pathinfo.taskrelpath(number)
        self.session.uploadWrapper(str(path), where)
        source = f"{where}/{path.name}"
        wanted = koji.get_header_fields(header, ["name", "version", "release", "epoch", "exclusivearch"])
        arches = opts["arch_override"].split() if opts.get("arch_override") else ["x86_64"]
        build_id = None
        if not scratch:
            data = {key: wanted[key] for key in ("name", "version", "release", "epoch")}
            build_id = self.session.host.initBuild({**data, "task_id": number})
        children = [
            self.session.host.subtask(
                method="buildArch",
                arglist=[source, found["build_tag"], arch, True, {"repo_id": None}],
                parent=number,
                label=arch,
                arch=koji.canonArch(arch),
            )
            for arch in arches
        ]
        self.session.host.taskSetWait(number, children)
        self.builds.append(Build(number, source, scratch, found["dest_tag"], arches, children, build_id))

    def rpmbuild(self, number: int, source: str, arch: str) -> None:
        """What mock would do."""
        folder = self.top / str(number)
        folder.mkdir()
        log = folder / "build.log"
        defines = {"_topdir": folder, "_rpmdir": folder / "rpms", "debug_package": "%{nil}", "dist": ".fc13"}
        words = [word for key, value in defines.items() for word in ("--define", f"{key} {value}")]
        argv = ["rpmbuild", "--nodeps", "--target", arch, "--rebuild", *words]
        argv.append(f"{koji.pathinfo.work()}/{source}")
        (folder / "root.log").write_text(f"a stand-in for mock, {arch}: rpmbuild without a chroot\n")
        with log.open("wb") as out:
            process = subprocess.Popen(argv, stdout=out, stderr=out, start_new_session=True, cwd=folder)
        self.arches.append(ArchBuild(number, arch, folder, process))

    def follow(self, arch: ArchBuild) -> None:
        """Send what rpmbuild said, and end the task when it has ended."""
        ended = arch.process.poll()
        if self.session.getTaskInfo(arch.task)["state"] != koji.TASK_STATES["OPEN"]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(arch.process.pid, signal.SIGKILL)
            arch.process.wait()
            self.arches.remove(arch)
            return
        log = arch.folder / "build.log"
        where = koji.pathinfo.taskrelpath(arch.task)
        if log.stat().st_size > arch.sent:
            # A copy: what grows while it is read has another size than koji's library was told.
            now = arch.folder / "now" / "build.log"
            now.parent.mkdir(exist_ok=True)
            shutil.copy(log, now)
            arch.sent = now.stat().st_size
            self.session.uploadWrapper(str(now), where, overwrite=True)
        if ended is None:
            return
        self.arches.remove(arch)
        self.session.uploadWrapper(str(arch.folder / "root.log"), where)
        rpms = sorted((arch.folder / "rpms").rglob("*.rpm"))
        for rpm in rpms:
            self.session.uploadWrapper(str(rpm), where)
        if ended:
            why = f"rpmbuild exited with status {ended}; see build.log for more information"
            self.fail(arch.task, f"error building package (arch {arch.name}), {why}")
        else:
            result = {
                "rpms": [f"{where}/{rpm.name}" for rpm in rpms],
                "srpms": [],
                "logs": [f"{where}/{name}" for name in ("build.log", "root.log")],
                "brootid": None,
            }
            self.close(arch.task, result)
        shutil.rmtree(arch.folder)

    def finish(self, build: Build) -> None:
        """What kojid's BuildTask does after its children."""
        if self.session.getTaskInfo(build.task)["state"] != koji.TASK_STATES["OPEN"]:
            self.builds.remove(build)
            return
        states = {child: self.session.getTaskInfo(child)["state"] for child in build.children}
        failed = [c for c, s in states.items() if koji.TASK_STATES[s] in ("FAILED", "CANCELED")]
        if failed:
            self.builds.remove(build)
            self.session.cancelTaskChildren(build.task)
            if build.build_id is not None:
                self.session.host.failBuild(build.task, build.build_id)
            try:
                self.session.getTaskResult(failed[0])
            except koji.GenericError as error:
                self.fail(build.task, str(error))
            return
        if any(koji.TASK_STATES[s] != "CLOSED" for s in states.values()):
            return
        self.builds.remove(build)
        results = {child: self.session.getTaskResult(child) for child in build.children}
        rpms = [rpm for result in results.values() for rpm in result["rpms"]]
        logs = {
            arch: results[child]["logs"] for arch, child in zip(build.arches, build.children, strict=True)
        }
        if build.scratch:
            self.session.host.moveBuildToScratch(build.task, build.source, rpms, logs)
        else:
            brmap: dict[str, int] = {}
            self.session.host.completeBuild(build.task, build.build_id, build.source, rpms, brmap, logs)
            self.session.host.tagBuild(build.task, build.tag, build.build_id)
        self.close(build.task, {"rpms": rpms, "logs": []})

    def close(self, number: int, result: object) -> None:
        """End a task that did what it was to do."""
        response = koji.xmlrpcplus.dumps((result,), methodresponse=1, allow_none=1)
        self.session.host.closeTask(number, response)

    def fail(self, number: int, why: str) -> None:
        """End a task as kojid does when its handler raises; one that was cancelled meanwhile has ended."""
        fault = koji.xmlrpcplus.Fault(koji.BuildError.faultCode, why)
        with contextlib.suppress(koji.GenericError):
            self.session.host.failTask(number, koji.xmlrpcplus.dumps(fault))


def main(url: str, top: Path, parent: int) -> None:
    """Build for the hub at ``url`` until somebody ends this process."""
    koji.BASEDIR = str(top.parent / "mnt")
    koji.pathinfo.topdir = koji.BASEDIR
    options = {
        "user": "builder",
        "password": "builder",
        "timeout": 30,
        "max_retries": 600,
        "retry_interval": 0.2,
    }
    while os.getppid() == parent:
        # A hub that is restarted or breaks is none of our tasks' business: we are here when it is back.
        with contextlib.suppress(koji.ServerOffline, OSError):
            session = koji.ClientSession(url, options)
            session.login()
            session.exclusiveSession(force=True)
            builder = Builder(session, top)
            while os.getppid() == parent:
                builder.look()
                time.sleep(TICK)
        time.sleep(TICK)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
