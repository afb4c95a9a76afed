"""A resolver of the workspace: asked about what would stop the plan, marked, kept, never believed blindly."""

from __future__ import annotations

import json
import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from backports import FEATURE, PLAN, Finished, Work, copy_workspace
from conftest import Cli
from fedvhost.sample import Sample

IOEVENTFD = "6c0da24f60f6"
FOLDER = ".fedvhost/conflict/f13-vhost-net/qemu-kvm"
QEMU = ("--package", "qemu-kvm")

# Takes both sides, upstream's first; writes down that it was asked.
BOTH = """\
import json, pathlib, sys
asked = json.load(sys.stdin)
with open("asked.log", "a") as log:
    log.write(asked["commit"] + "\\n")
files = []
for file in asked["files"]:
    sides = [p["conflict"] for p in file["parts"] if "conflict" in p]
    files.append({"path": file["path"], "texts": [s["with"] + s["here"] for s in sides]})
json.dump({"files": files, "because": "both sides are needed"}, sys.stdout)
"""


def pick(said: Any) -> Any:
    return next(p for p in said["packages"]["qemu-kvm"]["picks"] if p["commit"].startswith(IOEVENTFD))


def with_resolver(work: Work, script: str, timeout: float | None = None) -> Path:
    """Give the workspace a resolver, and a conflict that nothing else settles."""
    manifest = work.file(FEATURE)
    blocks = re.split(r"(?m)^(?=\[)", manifest.read_text())
    manifest.write_text("".join(b for b in blocks if 'path = "kvm.h"' not in b))
    program = work.file("tools/settle")
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{script}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    config = work.file("fedvhost.toml")
    lines = 'resolver = "tools/settle --both"\n'
    if timeout is not None:
        lines += f"resolver-timeout = {timeout}\n"
    config.write_text(lines + config.read_text())
    return work.file("asked.log")


@pytest.fixture
def work(sample: Sample, cli: Cli, tmp_path: Path) -> Work:
    return Work(copy_workspace(sample.workspace, sample, tmp_path), cli)


def test_the_answer_of_a_resolver_carries_on_and_is_marked(work: Work, finished: Finished) -> None:
    log = with_resolver(work, BOTH)

    said = work.json("backport", *QEMU)

    landed = pick(said)
    assert (landed["verdict"], landed["review"]) == ("by-resolver", True)
    (note,) = [n for n in landed["notes"] if n["path"] == "kvm.h"]
    assert note["rung"] == "resolver"
    assert note["how"].startswith("resolved by the command 'settle --both', ")
    assert note["how"].endswith(": both sides are needed")
    assert landed["commit"] in [u["commit"] for u in said["undecided"]]
    assert said["packages"]["qemu-kvm"]["tree"] == finished.said["packages"]["qemu-kvm"]["tree"]
    # Once, and about that one: not in every trial on the way there.
    assert log.read_text().split() == [landed["commit"]]

    # What it said is kept: it need not be there any more.
    stamps = work.stamps()
    work.file("tools/settle").unlink()
    work.forget()
    for options in ((), ("--from-plan",)):
        assert work.run("backport", *QEMU, *options).code == 0
        assert {p: t for p, t in work.stamps().items() if p in stamps} == {
            p: t for p, t in stamps.items() if p != "tools/settle"
        }
    (record,) = work.file("backport/resolutions/vhost-net").iterdir()
    raw = json.loads(record.read_text())
    assert (raw["rung"], raw["who"]) == ("resolver", "settle --both")
    assert "int kvm_vm_ioctl" not in work.file(PLAN).read_text()


def test_a_dry_run_asks_and_keeps_nothing(work: Work) -> None:
    log = with_resolver(work, BOTH)
    before = work.contents("backport", "patches", "specs")

    said = work.json("backport", *QEMU, "--dry-run")

    assert (pick(said)["verdict"], len(log.read_text().split())) == ("by-resolver", 1)
    assert work.contents("backport", "patches", "specs") == before


@pytest.mark.parametrize(
    ("script", "timeout", "told"),
    [
        ("import sys\nsys.exit('no idea')\n", None, "it ended with exit status 1: no idea"),
        ("print('hello')\n", None, "what it wrote is not JSON"),
        (
            BOTH.replace('s["with"] + s["here"]', 's["here"]'),
            None,
            "kvm.h: a line that upstream adds is lost: ",
        ),
        (
            BOTH.replace('s["with"] +', '"<<<<<<< x\\\\n" + s["with"] +'),
            None,
            "kvm.h: a conflict marker stands",
        ),
        (
            "import subprocess\nsubprocess.run(['sleep', '600'])\n",
            0.5,
            "it took longer than 0.5 seconds",
        ),
        (None, None, "there is no such program"),
    ],
)
def test_no_answer_stops_as_without_a_resolver_and_says_so(
    script: str | None, timeout: float | None, told: str, work: Work
) -> None:
    with_resolver(work, script or "", timeout)
    if script is None:
        work.file("tools/settle").unlink()

    said = work.json("backport", *QEMU, code=1)

    stopped = said["packages"]["qemu-kvm"]["stopped"]
    assert stopped["commit"].startswith(IOEVENTFD)
    assert stopped["problems"][-1].startswith(f"the resolver 'settle --both' gave no answer to use: {told}")
    assert work.file(FOLDER).is_dir()
    assert not work.file("backport/resolutions/vhost-net").exists()


def test_a_resolver_is_not_asked_where_nothing_stops(sample: Sample, cli: Cli, tmp_path: Path) -> None:
    work = Work(copy_workspace(sample.workspace, sample, tmp_path), cli)
    config = work.file("fedvhost.toml")
    config.write_text('resolver = "false"\n' + config.read_text())

    assert work.run("plan", *QEMU).code == 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("resolver = 1", "fedvhost.toml:1: resolver: must be a command, in quotes"),
        ('resolver = ""', "fedvhost.toml:1: resolver: must be a command, in quotes"),
        ('resolver = "a \'b"', "fedvhost.toml:1: resolver: not a command: No closing quotation"),
        ('resolver-timeout = "1m"', "fedvhost.toml:1: resolver-timeout: must be a number of seconds"),
        ("resolver-timeout = 0", "fedvhost.toml:1: resolver-timeout: must be a number of seconds"),
        ('resolvers = "x"', "fedvhost.toml:1: resolvers: unknown key; did you mean 'resolver'?"),
    ],
)
def test_a_wrong_line_is_said_before_any_work(line: str, told: str, work: Work) -> None:
    config = work.file("fedvhost.toml")
    config.write_text(f"{line}\n{config.read_text()}")

    ran = work.run("plan", *QEMU)

    assert ran.code == 2
    assert told in ran.err
