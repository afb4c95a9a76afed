"""The external resolver is asked about the pick that a plan stops at, and about no trial before that."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from fedvhost.backport.landing import land
from fedvhost.backport.plan import PackagePlan, Stop
from fedvhost.backport.resolutions import Answer, Known, Question
from fedvhost.backport.resolver import Refused, Resolved, request, response
from fedvhost.config import Resolver
from fedvhost.errors import ToolFailed, ToolTimeout
from fedvhost.pipeline.conflicts.preparing import questions
from fedvhost.pipeline.conflicts.resolving import Asked, record, said_by
from fedvhost.pipeline.inputs import Job
from fedvhost.process import consult
from fedvhost.values import Oid
from fedvhost.workspace import Workspace


@dataclass(slots=True)
class Consulting:
    """The resolver of a workspace, and what it answered in this run. ``keep``: whether to record that."""

    workspace: Workspace
    resolver: Resolver
    keep: bool
    said: dict[str, Answer] = field(default_factory=dict)

    def answers(self, job: Job) -> Known:
        """Return the answers of a job with the resolver's; a person's come first."""
        return Known({**self.said, **job.answers.by_key}) if self.said else job.answers

    def settle(self, job: Job, plan: PackagePlan, tell: Callable[[str], None]) -> PackagePlan | None:
        """Ask about what ``plan`` stops at. None: there is an answer now, plan again; else the plan, which
        says why there is none."""
        stop = plan.stop
        tree = plan.entries[-1].tree if plan.entries else job.store.tree_of(plan.base)
        working = replace(job, answers=self.answers(job))
        asked = questions(working, stop.commit, tree) if stop is not None else ()
        if stop is None or not asked:
            return plan
        tell(f"asking {self.command} about {stop.commit.short} {stop.subject}")
        found = self._ask(job, stop.commit, asked)
        if isinstance(found, Resolved):
            how = said_by(self.command, found.because)
            answers = {a.key: replace(a, how=how.how) for a in found.answers}
            trial = Known({**self.answers(job).by_key, **answers})
            adaptations = job.wanted.adaptations.get(stop.commit, ())
            landing = land(job.store, tree, stop.commit, adaptations, trial)
            if not landing.unsettled:
                self.said |= answers
                if self.keep:
                    one = [
                        (Asked(job.feature.name, Path(), stop.commit, stop.subject, q), a)
                        for q, a in zip(asked, found.answers, strict=True)
                    ]
                    record(self.workspace, one, how)
                return None
            found = Refused("; ".join(f"{u.path}: {u.why}" for u in landing.unsettled))
        return replace(plan, stop=self._told(stop, found))

    @property
    def command(self) -> str:
        """The command as a note names it."""
        return shlex.join((Path(self.resolver.argv[0]).name, *self.resolver.argv[1:]))

    def _told(self, stop: Stop, refused: Refused) -> Stop:
        why = f"the resolver '{self.command}' gave no answer to use: {refused.why}"
        return replace(stop, problems=(*stop.problems, why))

    def _ask(self, job: Job, commit: Oid, asked: tuple[Question, ...]) -> Resolved | Refused:
        said = job.store.commit(commit)
        facts = {
            "feature": job.feature.name,
            "release": job.release.name,
            "package": job.name,
            "commit": commit,
            "subject": said.subject,
            "message": said.text,
        }
        argv, folder = self.resolver.argv, self.resolver.folder
        # A path is meant from the workspace, wherever the run was started.
        program = str(folder / argv[0]) if "/" in argv[0] else argv[0]
        try:
            done = consult(
                (program, *argv[1:]), cwd=folder, stdin=request(facts, asked), timeout=self.resolver.timeout
            )
        except ToolFailed as error:
            return Refused(f"it ended with exit status {error.returncode}{_last_line(error.stderr)}")
        except ToolTimeout:
            return Refused(f"it took longer than {self.resolver.timeout:g} seconds")
        except OSError:
            return Refused("there is no such program, or it cannot be run")
        return response(done.stdout, asked)


def _last_line(stderr: bytes) -> str:
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return f": {lines[-1].strip()}" if lines else ""
