"""What people say: sign-offs, waivers, reviews. Each is tied to what it was said of, and stale with it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fedvhost.release.items import Finding, Item, Settled, State
from fedvhost.release.words import plain

Hashes = Mapping[str, str]
"""What something was said of: a name (a file, ``build kernel``) and the SHA-256 of its content then."""

# The longest that a waiver may hold: one release's time.
LONGEST_WAIVER = datetime.timedelta(days=200)
_WIDE = re.compile(r"[*?\[\]]|\A(?:all|any|everything|every|none|-)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SignOff:
    """A role's go or no-go, by a person."""

    role: str
    by: str
    go: bool
    because: str
    at: str
    on: Hashes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Review:
    """A person looked at something and says it is right, or not. ``subject``: a finding's scenario."""

    item: str
    subject: str
    by: str
    ok: bool
    because: str
    at: str
    on: Hashes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiver:
    """A person lets one finding of one item pass, for a reason, up to and with a day. ``on``: the builds
    that it was given for; another build asks again."""

    item: str
    scenario: str
    by: str
    because: str
    until: str
    at: str
    on: Hashes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that people said. ``problem``: their file cannot be believed, and why; then nothing of it
    counts."""

    sign_offs: tuple[SignOff, ...] = ()
    reviews: tuple[Review, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    problem: str = ""


def differing(said: Hashes, now: Hashes) -> tuple[str, ...]:
    """Name what is not any more as it was, came, or went."""
    return tuple(sorted(n for n in {*said, *now} if said.get(n) != now.get(n)))


def listed(names: Sequence[str]) -> str:
    """A few names, and how many more."""
    first = ", ".join(plain(n, 120) for n in names[:3])
    return first + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def overbroad(
    item: Item | None, scenario: str, until: str, because: str, open_now: Sequence[str], today: datetime.date
) -> str | None:
    """Say why a waiver is refused, or None: too broad, without an end, without a reason, or for nothing."""
    if item is None:
        return "name one item of the checklist; a waiver is for one item"
    if not item.waivable:
        return f"'{item.id}' cannot be waived: {item.because or 'it is for people to decide'}"
    if not scenario.strip() or _WIDE.search(scenario.strip()):
        return (
            "a waiver is for one scenario, named exactly, without wildcards; "
            f"open in '{item.id}': {listed(open_now) or 'nothing'}"
        )
    if scenario not in open_now:
        return (
            f"'{plain(scenario, 80)}' is not open in '{item.id}'; open there: {listed(open_now) or 'nothing'}"
        )
    if len(because.strip()) < 8:
        return "say why, in a sentence that others can judge (--because)"
    try:
        end = datetime.date.fromisoformat(until)
    except ValueError:
        return f"'{plain(until, 40)}' is no day to end on; write it as 2010-04-30 (--until)"
    if end < today:
        return f"it would have ended already, on {end}"
    if end > today + LONGEST_WAIVER:
        return f"{end} is more than {LONGEST_WAIVER.days} days off: longer than a release takes"
    return None


def apply_waivers(
    settled: Settled, waivers: Iterable[Waiver], builds: Hashes, today: datetime.date
) -> Settled:
    """Let waived findings pass; say of each waiver that does not hold why."""
    mine = [w for w in waivers if w.item == settled.item.id]
    if not mine or not settled.item.waivable:
        return settled
    return Settled(settled.item, tuple(_waived(f, mine, builds, today) for f in settled.findings))


def _waived(found: Finding, waivers: Sequence[Waiver], builds: Hashes, today: datetime.date) -> Finding:
    fitting = [w for w in waivers if w.scenario == found.scenario]
    if found.state.passes or not fitting:
        return found
    waiver = fitting[-1]
    if (why := _void(waiver, builds, today)) is not None:
        return replace(found, text=f"{found.text}; the waiver by {plain(waiver.by, 60)} does not hold: {why}")
    said = f"waived by {plain(waiver.by, 60)} until {plain(waiver.until, 20)}: {plain(waiver.because, 200)}"
    return replace(found, state=State.WAIVED, text=f"{said} (it is {found.state}: {found.text})", next="")


def _void(waiver: Waiver, builds: Hashes, today: datetime.date) -> str | None:
    """Say why a waiver does not hold, or None. Whatever was written by hand is read with suspicion."""
    try:
        end = datetime.date.fromisoformat(waiver.until)
    except ValueError:
        return "it has no day to end on"
    if end < today:
        return f"it ended on {end}"
    if changed := differing(waiver.on, builds):
        return f"it was given for another state of: {listed(changed)}; ask again"
    return None


def sign_off_findings(roles: Sequence[str], words: Words, now: Hashes, sign: str) -> tuple[Finding, ...]:
    """One finding a role: the last that was said for it, if it was said of what is here now.

    ``sign``: the command to sign with, ``{role}`` in it.
    """
    return tuple(_sign_off(role, words, now, sign.format(role=role)) for role in roles)


def _sign_off(role: str, words: Words, now: Hashes, then: str) -> Finding:
    if words.problem:
        return Finding(role, State.UNKNOWN, plain(words.problem), (), then)
    said = [s for s in words.sign_offs if s.role == role]
    if not said:
        return Finding(role, State.MANUAL, "nobody has signed", (), then)
    last = said[-1]
    who = f"{plain(last.by, 60)}, {plain(last.at, 30)}"
    why = f": {plain(last.because, 200)}" if last.because else ""
    if changed := differing(last.on, now):
        what = "go" if last.go else "no-go"
        return Finding(
            role,
            State.MANUAL,
            f"the {what} of {who} is stale, this changed since: {listed(changed)}",
            (),
            then,
        )
    if not last.go:
        return Finding(role, State.FAILED, f"no-go by {who}{why}", (), then)
    return Finding(role, State.DONE, f"go by {who}{why}")


def review_finding(
    item: str, scenario: str, what: str, words: Words, now: Hashes, then: str, *evidence: str
) -> Finding:
    """Whether a person looked at ``what``, as it is now, and what they said."""
    subject = plain(scenario, 80)
    if words.problem:
        return Finding(subject, State.UNKNOWN, plain(words.problem), evidence, then)
    said = [r for r in words.reviews if (r.item, r.subject) == (item, scenario)]
    if not said:
        return Finding(subject, State.MANUAL, plain(what), evidence, then)
    last = said[-1]
    who = f"{plain(last.by, 60)}, {plain(last.at, 30)}"
    why = f": {plain(last.because, 200)}" if last.because else ""
    if changed := differing(last.on, now):
        text = f"the review by {who} is stale, this changed since: {listed(changed)}"
        return Finding(subject, State.MANUAL, text, evidence, then)
    if not last.ok:
        return Finding(subject, State.FAILED, f"refused by {who}{why}", evidence, then)
    return Finding(subject, State.DONE, f"reviewed by {who}{why}", evidence)
