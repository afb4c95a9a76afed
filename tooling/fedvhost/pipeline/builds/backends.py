"""Which build system a run uses."""

from __future__ import annotations

from fedvhost.backport.manifest import Release
from fedvhost.builds.backend import Backend
from fedvhost.builds.koji_backend import Koji
from fedvhost.builds.koji_profile import has_own_profile
from fedvhost.builds.mock import Mock
from fedvhost.builds.record import Record, Via
from fedvhost.builds.rpmbuild import Rpmbuild
from fedvhost.process import which
from fedvhost.workspace import Workspace


def default_via(workspace: Workspace) -> Via:
    """What builds where nobody says: koji if the person has a profile of their own, else rpmbuild."""
    return "koji" if has_own_profile() else "rpmbuild"


def for_others(release: Release) -> Via:
    """What builds for another architecture than this machine's: mock, if it is here, koji is not set up, and
    that is the only one the release asks for; one build of koji's is for all of them."""
    one = len(release.gate.arches) < 2
    return "mock" if one and not has_own_profile() and which("mock") else "koji"


def open_backend(workspace: Workspace, via: Via) -> Backend:
    """Return the build system of that name."""
    if via == "rpmbuild":
        return Rpmbuild(workspace)
    if via == "mock":
        return Mock(workspace)
    return Koji(workspace)


def first_target(release: Release, via: Via) -> str:
    """What a release's manifest says to build for: koji's target, mock's chroot."""
    return {"koji": release.koji_target, "mock": release.mock_chroot}.get(via, "")


def backend_of(workspace: Workspace, record: Record) -> Backend:
    """Return the build system that a recorded build is on."""
    return open_backend(workspace, record.via)
