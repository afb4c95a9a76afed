"""The contingency on the sample: what is in the packages when it is on, and that off is off again."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from backports import FEATURE, RELEASE, Answer, Work
from released import DECISIONS, TODAY, checklist, findings, smoked

SPEC = "specs/f13/qemu-kvm/qemu.spec"
PROGRAM = "opt/fedvhost-sample/bin/qemu-kvm"
MODULES = "opt/fedvhost-sample/etc/sysconfig/modules/vhost_net.modules"
BLACKLIST = "opt/fedvhost-sample/etc/modprobe.d/blacklist-vhost_net.conf"


def contingency(work: Work, *args: str, today: tuple[str, ...] = TODAY, code: int = 0) -> Answer:
    ran = work.call("-C", work.root, "contingency", *args, "--release", "f13", *today)
    assert (ran.code, ran.err) == (code, ""), ran
    return ran


def installed(work: Work, folder: Path) -> dict[str, bytes]:
    """Build qemu-kvm and unpack what came out: path → content."""
    ran = work.run("build", "--package", "qemu-kvm", "--via", "rpmbuild", "--scratch")
    assert ran.code == 0, ran
    (rpm,) = [p for p in work.file("build/f13").glob("qemu-*/*.rpm") if not p.name.endswith(".src.rpm")]
    folder.mkdir()
    content = subprocess.run(["rpm2cpio", rpm], capture_output=True, check=True).stdout
    subprocess.run(["cpio", "-idm", "--quiet"], input=content, cwd=folder, check=True)
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def default_of(folder: Path) -> bool:
    """Whether the program that was unpacked uses vhost when nobody says so.

    /dev/null is no vhost device, so whoever uses vhost complains. ``vhostfd=`` without vhost is refused.
    """
    argv = [str(folder / PROGRAM), "-netdev", "tap,ifname=tap0,vhostfd=0"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return "vhostfd= is for vhost=on" not in done.stdout + done.stderr


def test_on_changes_what_is_in_the_packages_and_off_gives_the_former_bytes(
    ready: Work, tmp_path: Path
) -> None:
    before = dict(ready.contents("specs", "patches", "backport/releases"))
    off = installed(ready, tmp_path / "off")
    assert set(off) == {PROGRAM, BLACKLIST}
    assert b"\nblacklist vhost_net\n" in off[BLACKLIST]
    assert not default_of(tmp_path / "off")

    ran = contingency(ready, "set", "on", "--because", "to be tested", "--by", "Rita", "--asked", "FESCo")
    assert {RELEASE, SPEC, DECISIONS} == set(re.findall(r"^  (\S+)$", ran.out, re.M))
    on = installed(ready, tmp_path / "on")
    assert set(on) == {PROGRAM, MODULES}
    assert b"modprobe" in on[MODULES]
    assert default_of(tmp_path / "on")

    contingency(ready, "set", "off", "--because", "it was only to be tested", "--by", "Rita")
    assert dict(ready.contents("specs", "patches", "backport/releases")) == before
    assert installed(ready, tmp_path / "again") == off


def test_what_was_built_is_looked_into(ready: Work) -> None:
    ran = contingency(ready, "test")
    assert f"/{BLACKLIST} is in the packages" in ran.out
    assert f"/{MODULES} is not in the packages" in ran.out
    assert findings(ready, "contingency")["tested-off"]["state"] == "done"
    # Packages that say something else than the flag are told, and so are packages of another setting.
    ready.edit(FEATURE, f'installs-on = "/{MODULES}"', f'installs-on = "/{PROGRAM}"')
    assert "is wrong" in contingency(ready, "test", code=1).out
    assert findings(ready, "contingency")["tested-off"]["state"] == "failed"
    contingency(ready, "set", "on", "--because", "to be tested")
    ran = ready.call("-C", ready.root, "contingency", "test", "--release", "f13")
    assert (ran.code, "no build of 'qemu-kvm' to look into: stale" in ran.err) == (2, True), ran
    assert findings(ready, "contingency")["tested-on"]["state"] == "unknown"


def test_the_history_says_who_when_and_why(ready: Work) -> None:
    contingency(ready, "set", "on", "--because", "to be tested", "--by", "Rita", "--asked", "FESCo")
    contingency(ready, "set", "off", "--because", "it hung", "--by", "Quinn")
    again = contingency(ready, "set", "off", "--because", "to be sure", "--by", "Quinn")
    assert "it was off already" in again.out
    history = json.loads(contingency(ready, "status", "--json").out)["history"]
    assert [(h["by"], h["was"], h["now"], h["because"], h["asked"]) for h in history] == [
        ("Rita", "off", "on", "to be tested", ["FESCo"]),
        ("Quinn", "on", "off", "it hung", []),
    ]
    assert "Quinn: it hung" in contingency(ready).out


def test_a_flag_edited_by_hand_is_noticed(ready: Work) -> None:
    ready.edit(RELEASE, 'vhost-net = "off"', 'vhost-net = "on"')
    ran = contingency(ready, "status", code=1)
    assert "nobody recorded why" in ran.out
    assert "'%bcond_with vhost_default' stands in" in ran.out
    states = {s: f["state"] for s, f in findings(ready, "contingency").items()}
    assert states["flag"] == "failed"
    assert "failed" in [v for k, v in states.items() if k.startswith("qemu-kvm: ")]


@pytest.mark.parametrize("value", ["off", "on"])
def test_a_history_that_cannot_be_believed_is_not_passed_over(ready: Work, value: str) -> None:
    contingency(ready, "set", "on", "--because", "to be tested", "--by", "Rita")
    contingency(ready, "set", "off", "--because", "it hung", "--by", "Quinn")
    ready.edit(DECISIONS, "Quinn", "Rita")
    ran = ready.call(
        "-C", ready.root, "contingency", "set", value, "--because", "to be sure", "--release", "f13", *TODAY
    )
    assert (ran.code, ran.out) == (2, "")
    assert (
        f"'{DECISIONS}' cannot be believed" in ran.err and "put it back as it was (git checkout)" in ran.err
    )


def test_on_after_the_deadline_takes_an_exception(ready: Work) -> None:
    late = ("--today", "2010-03-01")
    before = dict(ready.contents())
    ran = contingency(ready, "set", "on", "--because", "we want it", today=late, code=1)
    assert "refused: the contingency deadline is behind: Feature Freeze, 2010-02-09; ask FESCo" in ran.out
    assert dict(ready.contents()) == before
    contingency(ready, "set", "on", "--because", "we want it", "--exception", "rel-eng 3456", today=late)
    assert 'vhost-net = "on"' in ready.file(RELEASE).read_text()


def test_a_spec_without_the_line_changes_nothing_anywhere(ready: Work) -> None:
    ready.edit(SPEC, "%bcond_with vhost_default\n", "")
    before = dict(ready.contents())
    ran = ready.call(
        "-C", ready.root, "contingency", "set", "on", "--because", "why not", "--release", "f13", *TODAY
    )
    assert ran.code == 2
    assert f"{SPEC}: none of its lines is '%bcond_without vhost_default'" in ran.err
    assert dict(ready.contents()) == before


def test_decide_turns_on_what_earned_it_and_stale_evidence_does_not(ready: Work) -> None:
    ran = contingency(ready, "decide", code=1)
    assert "there is no evidence yet: smoke of sample" in ran.out
    assert ran.out.splitlines()[-1].startswith("off: 3 of 6")
    smoked(ready, runs=2)
    assert "2 green of 2 runs; 3 of 3 are wanted" in contingency(ready, "decide", code=1).out
    smoked(ready)
    assert "nothing was changed" in contingency(ready, "decide", "--dry-run").out
    assert 'vhost-net = "off"' in ready.file(RELEASE).read_text()

    ran = contingency(ready, "decide", "--by", "Rita")
    assert 'vhost-net = "on"' in ready.file(RELEASE).read_text()
    last = json.loads(contingency(ready, "status", "--json").out)["history"][-1]
    assert (last["runs"], last["by"], last["now"]) == (3, "Rita", "on")
    assert last["because"].startswith("3 green runs of 3")
    # What was tested was the other setting: on is not earned until it was built and tested so.
    ran = contingency(ready, "decide", code=1)
    assert "stale: changed since" in ran.out
    assert f"take it back with: fedvhost -C {ready.root} contingency set off --release f13" in ran.out
    assert findings(ready, "contingency")["earned"]["state"] == "unknown"


@pytest.mark.parametrize("row", ["fail", "undecided"])
def test_decide_is_not_moved_by_a_red_or_undecided_run(ready: Work, row: str) -> None:
    smoked(ready, row=row)
    contingency(ready, "decide", code=1)
    assert 'vhost-net = "off"' in ready.file(RELEASE).read_text()
    checklist(
        ready, "waive", "smoke", "--scenario", "sample", "--by", "Wim", "--until", "2010-03-01",
        "--because", "we are in a hurry",
    )  # fmt: skip
    contingency(ready, "decide", code=1)
