"""What is wanted and where it must land: the two manifests as values.

The TOML side, validation and messages are in ``fedvhost.backport.manifest_toml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fedvhost.backport.recipe import Check


@dataclass(frozen=True, slots=True)
class Choice:
    """A commit that a person named, and why. ``commit`` is 7 to 40 hexadecimal digits."""

    commit: str
    because: str


@dataclass(frozen=True, slots=True)
class Adaptation:
    """A declared adaptation of one commit: facts about how it lands on the base, no code.

    A hunk is one run of changed lines, as ``git diff -U0`` cuts them. With ``path`` it concerns that file
    only; with ``hunk`` only the hunks whose added or removed lines contain that text. Exactly one verb
    is set:

    - ``rename``: identifiers of upstream's (key) and what the base calls them (value), in added lines;
    - ``drop_hunk``: leave the hunk out;
    - ``insert_after``, ``insert_before``: put the hunk's added lines, as they are, after/before the one
      line of the base that reads so (compared without surrounding white space), the last such line with
      ``last``; lines that the hunk removes are left alone;
    - ``map_path``: files of upstream's (key) and where they are in the base (value);
    - ``skip``: the whole commit is redundant here.
    """

    commit: str
    because: str
    path: str | None = None
    hunk: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    drop_hunk: bool = False
    insert_after: str | None = None
    insert_before: str | None = None
    last: bool = False
    map_path: Mapping[str, str] = field(default_factory=dict)
    skip: bool = False


@dataclass(frozen=True, slots=True)
class Assumption:
    """An identifier that a person vouches for: the symbol check finds it missing, and it is not."""

    symbol: str
    because: str


@dataclass(frozen=True, slots=True)
class FeaturePackage:
    """The part of a feature that lands in one package.

    Picks are the commits between the base and ``until`` that touch ``paths``, and ``also``, without
    ``never``. ``taken`` are follow-ups of theirs, from any later time, that are picked, too; ``omitted``
    follow-ups that are deliberately not taken, and not offered again. ``config`` maps kernel options to
    ``y``, ``m``, ``n`` or a value.
    """

    until: str
    paths: tuple[str, ...] = ()
    also: tuple[Choice, ...] = ()
    never: tuple[Choice, ...] = ()
    taken: tuple[Choice, ...] = ()
    omitted: tuple[Choice, ...] = ()
    adapt: tuple[Adaptation, ...] = ()
    assume: tuple[Assumption, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A part of the feature that is deliberately left out, and why."""

    what: str
    because: str


@dataclass(frozen=True, slots=True)
class TestRow:
    """One row of the feature's test plan. ``where``: ``guest``, ``network``, ``virtualization`` or
    ``kernel``; ``decided_by``: who must decide it when a smoke test cannot (None: a smoke test can)."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    id: str
    title: str
    where: str
    decided_by: str | None = None


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One place where the contingency flag takes effect; ``on`` and ``off`` say it in words.

    With ``package`` and ``line`` fedvhost writes it: ``line`` is a jinja2 template of one line of that
    package's spec, in which ``on`` is true or false. ``installs_on``, ``installs_off``: the file that the
    built package has in one case and lacks in the other.
    """

    what: str
    on: str
    off: str
    package: str | None = None
    line: str | None = None
    installs_on: str | None = None
    installs_off: str | None = None


@dataclass(frozen=True, slots=True)
class Tie:
    """What one package's spec must say because of another: ``says`` is a line of the spec of ``package``."""

    package: str
    says: str
    because: str


@dataclass(frozen=True, slots=True)
class Usage:
    """A way to use the feature: ``what`` for, and the ``command`` lines."""

    what: str
    command: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A way for a user to see whether the feature is at work: how to ``look``, what is ``seen`` then, and
    what that ``proves``, no more."""

    look: str
    seen: str
    proves: str


@dataclass(frozen=True, slots=True)
class ContingencyPlan:
    """What ships until the feature has proven itself: ``default`` is ``off`` or ``on``."""

    default: str
    plan: str
    mechanisms: tuple[Mechanism, ...] = ()


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature manifest, ``backport/features/<name>.toml``. The texts from ``owner`` to ``migration``, and
    ``usage`` and ``proofs``, are for the documents."""

    name: str
    summary: str
    packages: Mapping[str, FeaturePackage]
    contingency: ContingencyPlan
    owner: str = ""
    detail: str = ""
    release_note: str = ""
    benefit: str = ""
    scope: str = ""
    user_experience: str = ""
    migration: str = ""
    usage: tuple[Usage, ...] = ()
    proofs: tuple[Proof, ...] = ()
    ties: tuple[Tie, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    test_plan: tuple[TestRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleasePackage:
    """Where one package stands in a release.

    ``base`` is a revision of the upstream's history; ``upstream`` the official URL of that history;
    ``spec`` the spec file and ``config_file`` the configuration fragment (kernel), both relative to
    the workspace; ``source_prefix`` the folder inside the source archive, ``linux-2.6.33``; ``source``
    the file name the spec gives that archive; ``check`` how it is compiled to see whether a series holds
    (None: it cannot be checked so).
    """

    base: str
    spec: str
    upstream: str
    source: str
    source_prefix: str
    config_file: str | None = None
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Milestone:
    """A date of the release's schedule. ``date`` is ISO's, ``2010-02-09``; from the end of that day on
    ``forbids`` holds: ``enable`` (turn a feature on by default), ``enhance`` (anything but repairs),
    ``change`` (any change without an exception). ``because``: the rule, and where the date is from."""

    id: str
    title: str
    date: str
    forbids: tuple[str, ...] = ()
    because: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """What must be green before a feature ships: builds for ``arches``, ``runs`` green runs out of as many
    of the smoke suite in each of ``shapes``. ``deadline``: the milestone up to which the contingency may be
    changed; ``ask``: whom to ask about it."""

    arches: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    runs: int = 1
    deadline: str | None = None
    ask: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """A release manifest, ``backport/releases/<name>.toml``; ``contingency`` maps a feature to ``on`` or
    ``off`` as shipped; ``checklist`` is the release engineering checklist, ``backport/checklists/``."""

    name: str
    title: str
    dist: str
    koji_target: str
    mock_chroot: str
    packages: Mapping[str, ReleasePackage]
    contingency: Mapping[str, str] = field(default_factory=dict)
    checklist: str = "fedora"
    gate: Gate = field(default_factory=Gate)
    milestones: tuple[Milestone, ...] = ()
