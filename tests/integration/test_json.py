"""What --json gives where a person would only be told in a line: for scripts, each is one JSON value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backports import RELEASE, Work
from conftest import Cli
from released import TODAY

SPEC, DECISIONS = "specs/f13/qemu-kvm/qemu.spec", "backport/decisions/f13-vhost-net.json"


def said(work: Work, *args: str, code: int = 0) -> Any:
    ran = work.call("-C", work.root, *args, "--json")
    assert (ran.code, ran.err) == (code, ""), ran
    return json.loads(ran.out)


def said_plainly(work: Work, *args: str) -> str:
    return work.call("-C", work.root, *args).out


def test_the_flag(done: Work) -> None:
    plain = said(done, "contingency", "status", "--release", "f13", *TODAY)
    assert (plain["flag"], plain["ok"]) == ("off", True)
    assert said(done, "contingency", "--release", "f13", *TODAY) == plain

    on = ("contingency", "set", "on", "--release", "f13", "--by", "Rita", "--because", "tried")
    late = said(done, *on, "--today", "2010-03-01", code=1)
    assert (late["flag"], late["files"], "FESCo" in late["refused"]) == ("off", [], True)
    changed = said(done, *on, *TODAY)
    assert (changed["flag"], changed["refused"]) == ("on", None)
    assert set(changed["files"]) == {RELEASE, SPEC, DECISIONS}
    assert said(done, *on, *TODAY)["files"] == []


def test_what_people_say(done: Work) -> None:
    asked = ("--release", "f13", *TODAY, "--by", "Rita")
    assert said(done, "checklist", "review", "plan-reviewed", "plan", *asked) == {
        "item": "plan-reviewed", "subjects": ["plan"], "by": "Rita", "ok": True, "because": "",
    }  # fmt: skip
    signed = said(done, "checklist", "sign", "qa", *asked, "--no-go", "--because", "too early")
    assert (signed["role"], signed["go"], signed["because"]) == ("qa", False, "too early")
    assert len(signed["of"][SPEC]) == 64

    waiver = ("--because", "nobody has it", "--until", "2010-03-01", *asked)
    broad = said(done, "checklist", "waive", "test-plan", "--scenario", "*", *waiver, code=1)
    assert "without wildcards" in broad["refused"]
    one = said(done, "checklist", "waive", "test-plan", "--scenario", "whql", *waiver)
    assert (one["scenario"], one["until"], one["refused"]) == ("whql", "2010-03-01", None)

    words = json.loads(done.file(DECISIONS).read_text())
    assert [w["by"] for kind in ("reviews", "sign_offs", "waivers") for w in words[kind]] == ["Rita"] * 3


def test_what_is_written(done: Work, cli: Cli, tmp_path: Path) -> None:
    exception = said(done, "checklist", "exception", "--release", "f13", *TODAY)
    assert (
        exception["markdown"] == done.run("checklist", "exception", *TODAY).out
        or "#" in exception["markdown"]
    )

    first, again = (said(done, "docs", "--release", "f13")["documents"] for _ in range(2))
    assert all(d["changed"] and done.file(d["file"]).is_file() for d in first)
    assert [{**d, "changed": False} for d in first] == again

    page = said(done, "report", "--release", "f13")
    assert done.file(page["file"]).stat().st_size == page["bytes"]

    made = json.loads(cli("init", "--json", tmp_path / "mine").out)
    expected = {"workspace": str(tmp_path / "mine"), "features": ["vhost-net"], "releases": ["f13"]}
    assert made == {**expected, "made": True}
    assert json.loads(cli("init", "--json", tmp_path / "mine").out) == {**expected, "made": False}


def test_builds(done: Work) -> None:
    ran = done.run("build", "--json", "--package", "kernel", "--via", "rpmbuild")
    build = json.loads(ran.out)["builds"][0]

    logs = said(done, "build", "logs", "kernel", "--lines", "2")
    assert (logs["build"], logs["state"], [f["file"] for f in logs["logs"]]) == (
        build["id"], "done", build["logs"],
    )  # fmt: skip
    assert [len(f["lines"]) for f in logs["logs"]] == [2]
    assert said(done, "build", "cancel", "kernel", code=1) == build
