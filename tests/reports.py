"""Material for reports, made up: any number of picks, builds, smoke rows, and texts that mean harm."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from fedvhost.backport.manifest import (
    ContingencyPlan,
    Feature,
    FeaturePackage,
    Gate,
    Mechanism,
    Release,
    ReleasePackage,
    TestRow,
)
from fedvhost.backport.outcome import Note, Verdict
from fedvhost.backport.plan import Entry, Evidence, PackagePlan
from fedvhost.builds.record import Record, State
from fedvhost.pipeline.page.material import (
    BuildMaterial,
    Log,
    Material,
    PackageMaterial,
    SpecDiff,
    UpstreamCommit,
)
from fedvhost.release.case import Case
from fedvhost.release.contingency import Change, Flag
from fedvhost.release.facts import Piece, Said, Standing
from fedvhost.release.items import Checklist, Finding, Item, Outcome, Settled
from fedvhost.release.items import State as ItemState
from fedvhost.release.people import Words
from fedvhost.values import Oid

BASE = Oid("b" * 40)
# What a commit's subject, a log, a file's name or a person's reason may have in it.
HOSTILE = (
    "<script>document.title='owned'</script>",
    "</style></pre><img src=x onerror=\"document.title='owned'\">",
    "\x1b[31mred\x1b[0m \x1b]0;owned\x07 \x1b[2J",
    "{{ 7*7 }} {% raw %} %s %n {0.__class__} ${jndi}",
    "right‮to left⁦ \x00\x07\x7f \ud800",
    "a line of its own\n\nand another",
)


def oid(number: int) -> Oid:
    """A commit's name of the made-up history."""
    return Oid(f"{number:08x}{0:032x}")


def diff(path: str, *added: str) -> bytes:
    """A diff that adds lines after the first of two."""
    lines = "".join(f"+{line}\n" for line in added)
    return (
        f"diff --git a/{path} b/{path}\nindex 1111111..2222222 100644\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -1,2 +1,{2 + len(added)} @@ int start(void)\n first\n{lines} last\n"
    ).encode("utf-8", "surrogateescape")


_VERDICTS = (
    Verdict.CLEAN,
    Verdict.CLEAN,
    Verdict.INSERTED,
    Verdict.ADAPTED,
    Verdict.CLEAN,
    Verdict.REDUNDANT,
)


def package(name: str, picks: int, subjects: Sequence[str] = (), start: int = 1) -> PackageMaterial:
    """A planned package: each third pick is a prerequisite of the one after it, each sixth is redundant."""
    entries, commits, patches, patch_of = [], {}, {}, {}
    for number in range(start, start + picks):
        at, commit = number - start, oid(number)
        verdict = _VERDICTS[at % len(_VERDICTS)]
        subject = subjects[at] if at < len(subjects) else f"driver: change number {number} of the series"
        path = f"drivers/part{at % 7}/file{at % 11}.c"
        needed = at % 3 == 0 and at + 1 < picks
        evidence = (
            Evidence("symbol", f"'part_{number}' is not defined without it", ("part",), path, oid(number + 1))
            if needed
            else Evidence("manifest", f"touches {path}")
        )
        notes = (Note(path, "insertion", "between the lines that both sides have before and after it"),)
        entries.append(
            Entry(
                commit,
                subject,
                "prerequisite" if needed else "requested",
                verdict,
                oid(number + 10**6),
                (evidence,),
                () if verdict is Verdict.CLEAN else notes,
                review=at % 10 == 2,
            )
        )
        upstream = diff(path, f"\tcall_{number}(first);", f"\tcall_{number}(second);")
        commits[commit] = UpstreamCommit(
            f"Author {at % 5}", f"2010-{1 + at % 12:02d}-{1 + at % 28:02d}", upstream
        )
        if entries[-1].lands:
            ours = upstream if verdict is not Verdict.ADAPTED else upstream.replace(b"second", b"other")
            patch = f"{number:04d}-change.patch"
            patches[patch] = b"From: a\n---\n" + ours
            patch_of[commit] = patch
    plan = PackagePlan(BASE, "v1.0", tuple(entries))
    spec = SpecDiff(diff(f"specs/{name}.spec", "Patch1: a.patch").decode(), "the last commit, 0123456789ab")
    return PackageMaterial(name, plan, commits, "", patches, patch_of, f"patches/f13/{name}", spec)


def build(package: str, *, state: State, log: str = "", because: str = "") -> BuildMaterial:
    """A build with one log."""
    complaint = (because,) if because else ()
    record = Record(
        f"20100209T120000-{package}-abc123", "0" * 32, "f13", "vhost-net", package, f"{package}-1.0-2.fc13",
        "rpmbuild", state=state, because=because, complaint=complaint, logs=("build.log",),
        started="2010-02-09T12:00:00Z", ended="2010-02-09T12:05:00Z",
    )  # fmt: skip
    return BuildMaterial(record, (Log("build.log", len(log), log),))


ROWS = tuple(TestRow(f"row-{n}", f"Row {n} of the test plan", "network") for n in range(8))


def nvr(package: str) -> str:
    """The build of a package that is to ship."""
    return f"{package}-1.0-2.fc13"


def built(package: str) -> Piece:
    """Evidence of that build."""
    facts = Said({"ok": True, "nvr": nvr(package), "via": "rpmbuild", "state": "done"})
    return Piece(
        "build", package, f"build-{package}.json", Standing.GOOD, facts, {"a.patch": "0"}, "2010-02-09"
    )


def _row(name: str, plan: Sequence[str], verdict: str, passed: int, seen: str = "") -> dict[str, object]:
    title = name.capitalize()
    return {"id": name, "title": title, "plan": list(plan), "verdict": verdict, "observed": seen,
            "passed": passed, "asked": 3}  # fmt: skip


def smoke(
    *, standing: Standing = Standing.GOOD, why: str = "", packages: Sequence[str] = ("kernel",)
) -> Piece:
    """Evidence of a smoke test: a row passed, one failed, one was not decided; and something measured."""
    rows = [
        _row("ping", ["row-0"], "pass", 3, "replies: 20"),
        _row("bulk", ["row-1"], "fail", 2, why or "lost 2"),
        _row("jumbo", ["row-2"], "undecided", 0, "no answer"),
        _row("a row of its own", [], "pass", 3),
    ]
    runs = [
        {"number": n, "ok": n != 3, "kernel": "2.6.33", "seconds": 20.5 + n, "trouble": ""} for n in (1, 2, 3)
    ]
    measured = [{"title": "Ping, round trip", "unit": "ms", "on": [4.1, 4.3, 5.0], "off": [6.1, 6.5, 7.9]}]
    facts = Said(
        {
            "ok": False,
            "runs": runs,
            "rows": rows,
            "accelerator": "tcg",
            "measured": measured,
            "nvrs": {p: nvr(p) for p in packages},
        }
    )
    problem = "" if standing is Standing.GOOD else "changed since then: a.rpm"
    made = "2010-02-09T12:00:00Z"
    return Piece("smoke", "guest", "s.json", standing, facts, {"a.rpm": "0"}, made, (), problem)


def outcome(case: Case, *, go: bool = False, text: str = "nobody has signed") -> Outcome:
    """A checklist gone through: two items done or, for no-go, the second one open."""
    items = case.checklist.items
    state = ItemState.DONE if go else ItemState.MANUAL
    command = "" if go else "fedvhost checklist sign --release f13 qa --by NAME"
    settled = (
        Settled(items[0], (Finding("all", ItemState.DONE, "15 of 15"),)),
        Settled(items[1], (Finding("qa", state, text, (), command),)),
    )
    return Outcome(case.checklist, "vhost-net", "f13", str(case.today), settled, {})


def material(
    *packages: PackageMaterial,
    pieces: Sequence[Piece] = (),
    builds: Sequence[BuildMaterial] = (),
    text: str = "nobody has signed",
    go: bool = False,
) -> Material:
    """A report's material with these packages; ``text`` stands where people's words do."""
    names = tuple(p.name for p in packages)
    mechanism = Mechanism("what -netdev does when vhost= is not given", "vhost=on", "vhost=off")
    feature = Feature(
        "vhost-net", "Kernel acceleration for KVM networking",
        {n: FeaturePackage("v2.0") for n in names}, ContingencyPlan("off", "It stays off.", (mechanism,)),
        test_plan=ROWS,
    )  # fmt: skip
    places = {
        n: ReleasePackage("v1.0", f"specs/f13/{n}.spec", "https://example.org", "a.tar", "a") for n in names
    }
    release = Release(
        "f13",
        "Fedora 13",
        ".fc13",
        "dist-f13",
        "fedora-13-x86_64",
        places,
        gate=Gate(("x86_64",), ("guest",)),
    )
    items = (
        Item("applied", "Code", "Every patch applies", "applied"),
        Item("signed", "Decision", "All say go", "sign-offs"),
    )
    change = Change("2010-02-09T12:00:00Z", "Jo", "on", "off", text)
    case = Case(
        feature, release, names, Checklist("fedora", "Checklist", ("qa",), items), datetime.date(2010, 2, 9),
        {(p.kind, p.subject): p for p in pieces}, Words(), Flag("off", (change,)), "backport/plans/x.json",
    )  # fmt: skip
    wanted = [(k, n) for n in names for k in ("backport", "spec", "check", "fixes", "build")]
    seen = tuple(case.piece(k, n) for k, n in wanted if (k, n) not in case.pieces)
    return Material(case, outcome(case, go=go, text=text), packages, (*seen, *pieces), tuple(builds))


def everything(picks: int) -> Material:
    """A page with something in every section, and ``picks`` picks in two packages."""
    kernel = package("kernel", picks - picks // 2)
    qemu = package("qemu-kvm", picks // 2, start=5000)
    builds = [
        build("kernel", state=State.DONE, log="all is well\n"),
        build(
            "qemu-kvm", state=State.FAILED, log="cc -c a.c\na.c:1: error: no\n", because="a.c:1: error: no"
        ),
    ]
    return material(
        kernel,
        qemu,
        pieces=[built("kernel"), built("qemu-kvm"), smoke(packages=("kernel", "qemu-kvm"))],
        builds=builds,
    )
