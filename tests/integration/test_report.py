"""``fedvhost report`` on the sample: what is on disk is what the page says; live while a run goes on."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from backports import FEDVHOST, Work
from browser import OVERLAPS, running
from conftest import CHECKOUT
from fedvhost.builds.record import Record, State, new_id, save
from fedvhost.pipeline.page.reporting import at_work
from fedvhost.workspace import Workspace

PAGE = ".fedvhost/report/f13-vhost-net.html"


def report(work: Work, *options: str) -> str:
    """Write the report and return the page."""
    ran = work.call("-C", work.root, "report", *options)
    assert (ran.code, ran.err) == (0, ""), ran
    return work.file(PAGE).read_text()


def step(page: str, package: str, title: str) -> str:
    """Return the state of a package's step and what is said of it."""
    row = page.split(f'class="name">{package}</span>')[1].split('role="row"')[0]
    cell = row.split(f'<span class="only-narrow">{title}</span>')[1].split("</div>")[0]
    return " ".join(re.sub(r"<.*?>", " ", cell).split())


def test_a_backport_is_shown_with_every_pick_and_its_patch(done: Work) -> None:
    page = report(done)
    assert page.count('<article class="card"') == len(re.findall(r"<li><time>2", page)) > 10
    assert "Same change as upstream" in page
    assert "Changed against upstream: " in page
    assert step(page, "kernel", "Series").startswith("passed")
    assert step(page, "kernel", "Compiles") == "unknown not run: there is no evidence"
    assert ">No-go<" in page
    assert "fedvhost checklist sign --release f13" in page


def test_it_says_where_it_is_and_changes_nothing_else(done: Work) -> None:
    before = done.contents()
    ran = done.call("-C", done.root, "report", "--release", "f13")
    assert re.fullmatch(rf"\S*{re.escape(PAGE)}  \(0\.\d MB\)\n", ran.out)
    assert done.contents() == before


def test_twice_the_same_bytes(done: Work) -> None:
    assert report(done) == report(done)


def test_another_place_is_written_to_when_asked(done: Work, tmp_path: Path) -> None:
    where = tmp_path / "out" / "page.html"
    ran = done.call("-C", done.root, "report", "--output", where)
    assert ran.code == 0
    assert where.read_text().startswith("<!doctype html>")
    assert not done.file(PAGE).exists()


def test_before_anything_was_done_it_is_unknown_and_says_the_command(fresh: Work) -> None:
    page = report(fresh)
    assert "there is no plan" in page
    assert "fedvhost backport --release f13" in page
    assert step(page, "kernel", "Series") == "unknown not run: there is no evidence"


def test_a_byte_of_a_patch_makes_the_series_stale(done: Work) -> None:
    patch = next(done.file("patches/f13/kernel").glob("0001-*.patch"))
    patch.write_bytes(patch.read_bytes().replace(b"\n---\n", b"\n--- \n", 1))
    said = step(report(done), "kernel", "Series")
    assert said.startswith("stale")
    assert patch.name in said


def test_a_hand_edited_evidence_is_not_believed(done: Work) -> None:
    file = done.file(".fedvhost/evidence/f13-vhost-net/backport-kernel.json")
    file.write_text(file.read_text().replace('"applied"', '"applied "', 1))
    said = step(report(done), "kernel", "Series")
    assert said.startswith("unknown its evidence cannot be believed")


def test_without_the_store_the_rest_is_shown_and_the_comparison_is_unknown(done: Work) -> None:
    shutil.rmtree(done.file(".fedvhost/git"))
    page = report(done)
    assert "history is not at hand" in page
    assert "Same change as upstream" not in page
    assert not done.file(".fedvhost/git").exists()


def test_a_changed_manifest_makes_the_plan_older(done: Work) -> None:
    feature = done.file("backport/features/vhost-net.toml")
    text = feature.read_text()
    feature.write_text(re.sub(r'^until = "(.*)"$', r'until = "\1^0"', text, count=1, flags=re.MULTILINE))
    assert feature.read_text() != text
    page = report(done)
    assert "The plan is older than what" in page
    assert step(page, "kernel", "Series").startswith("stale")


def test_the_spec_is_compared_with_the_last_commit_or_with_itself(done: Work) -> None:
    assert "itself without the series" in report(done)

    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=done.root, check=True, capture_output=True)

    git("init", "-q")
    git("add", "specs")
    git("commit", "-qm", "specs")
    spec = done.file("specs/f13/kernel/kernel.spec")
    spec.write_text(spec.read_text() + "# a remark of mine\n")
    page = report(done)
    assert "the last commit, " in page
    assert "+# a remark of mine" in page
    assert "Nothing differs." in page  # qemu-kvm


def test_a_conflict_is_shown_with_its_cause_and_what_is_to_settle(fresh: Work) -> None:
    manifest = fresh.file("backport/features/vhost-net.toml")
    tables = re.split(r"^(?=\[)", manifest.read_text(), flags=re.MULTILINE)
    adapts_kvm_h = re.compile(r"\A\[\[packages.qemu-kvm.adapt\]\].*kvm\.h", re.DOTALL)
    manifest.write_text("".join(t for t in tables if not adapts_kvm_h.match(t)))
    assert fresh.run("backport").code == 1
    page = report(fresh)
    assert "stopped before the rest" in page
    conflict = page.split('id="qemu-kvm-stop"')[1]
    assert "kvm.h: the place found is #ifdef KVM_UPSTREAM" in conflict
    assert "qemu-kvm: our own way to KVM" in conflict
    assert "&lt;&lt;&lt;&lt;&lt;&lt;&lt; here" in conflict
    assert "fedvhost resume --release f13" in conflict
    assert not step(page, "qemu-kvm", "Series").startswith("passed")


def record(work: Work, **changes: object) -> Record:
    base = Record(
        new_id("kernel"), "0" * 32, "f13", "vhost-net", "kernel", "kernel-1.0-2.fc13", "rpmbuild",
        state=State.FAILED, because="driver.c:1: error: <b>no</b>", logs=("build/build.log",),
        started="2010-02-09T12:00:00Z",
    )  # fmt: skip
    return save(Workspace(work.root), replace(base, **changes))  # type: ignore[arg-type]


def test_a_build_shows_the_end_of_its_log_and_no_more(done: Work) -> None:
    log = done.file("build/build.log")
    log.parent.mkdir(exist_ok=True)
    log.write_bytes(b"first line\n" + b"x" * 10_000_000 + b"\n\x1b[31mlast line\x1b[0m\n")
    record(done)
    page = report(done)
    assert "driver.c:1: error: &lt;b&gt;no&lt;/b&gt;" in page
    assert "last line" in page
    assert "first line" not in page
    assert "\x1b" not in page
    assert len(page) < 1_000_000


def test_a_record_cannot_show_a_file_from_elsewhere(done: Work, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    record(done, logs=(os.path.relpath(secret, done.root), "gone.log"))
    page = report(done)
    assert "the secret" not in page
    assert page.count("is not there any more") == 2


def test_what_is_asked_wrongly_is_told(fresh: Work) -> None:
    for words, said in (
        (("--release", "f99"), "no release 'f99'"),
        (("--release", "f13", "--feature", "vhost"), "did you mean 'vhost-net'?"),
        (("--release", "f13", "--today", "soon"), "there is no such day; write it as 2010-02-09"),
        (("--serve", "--output", "x.html"), "leave --output out"),
    ):
        ran = fresh.call("-C", fresh.root, "report", *words)
        assert ran.code == 2
        assert said in ran.err


# -- live -----------------------------------------------------------------------------------------------


@contextmanager
def served(work: Work) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """``report --serve`` as a process of its own, and its port."""
    process = subprocess.Popen(
        [*FEDVHOST, "-C", work.root, "report", "--release", "f13", "--serve"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        match = re.match(r"http://127\.0\.0\.1:(\d+)/ ", said)
        assert match, said
        yield int(match[1]), process
    finally:
        process.kill()
        process.communicate()


def ask(port: int, path: str = "/", **headers: str) -> tuple[int, bytes, str]:
    """Return status, content and entity tag."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers.get("ETag", "")
    finally:
        connection.close()


def test_the_served_page_is_sent_once_and_again_when_something_changed(done: Work) -> None:
    with served(done) as (port, _):
        status, page, tag = ask(port)
        assert status == 200
        assert b"data-live" in page
        assert ask(port, If_None_Match=tag)[:2] == (304, b"")
        record(done, state=State.BUILDING, because="", logs=())
        status, page, other = ask(port, If_None_Match=tag)
        assert (status, other != tag) == (200, True)
        assert b"building" in page


def test_nobody_else_is_served_and_nothing_else(done: Work) -> None:
    with served(done) as (port, _):
        assert ask(port, "/etc/passwd")[0] == 404
        assert ask(port, "/../../etc/passwd")[0] == 404
        # A name that somebody else has point here.
        assert ask(port, Host=f"evil.example.org:{port}")[0] == 403
        assert ask(port, Host=f"localhost:{port}")[0] == 200


def test_a_manifest_that_breaks_meanwhile_is_told_and_the_server_stays(done: Work) -> None:
    with served(done) as (port, _):
        feature = done.file("backport/features/vhost-net.toml")
        text = feature.read_text()
        feature.write_text("name = \n")
        status, said, _ = ask(port)
        assert status == 503
        assert b"vhost-net.toml:1" in said
        feature.write_text(text)
        assert ask(port)[0] == 200


def test_ctrl_c_ends_it_quietly(done: Work) -> None:
    with served(done) as (_, process):
        process.send_signal(signal.SIGINT)
        assert (process.communicate(timeout=60), process.returncode) == (("", ""), 0)


def test_a_port_that_is_taken_is_told(done: Work) -> None:
    with served(done) as (port, _):
        ran = done.call("-C", done.root, "report", "--serve", "--port", str(port))
        assert ran.code == 3
        assert f"cannot listen on 127.0.0.1:{port}" in ran.err


def test_a_run_at_work_is_seen_without_being_disturbed(done: Work) -> None:
    workspace = Workspace(done.root)
    assert at_work(workspace) is None
    with workspace.lock():
        assert at_work(workspace) == os.getpid()
        assert f"a run goes on, process {os.getpid()}" in report(done)
    assert at_work(workspace) is None


def test_the_open_page_changes_by_itself_and_keeps_what_was_open(done: Work) -> None:
    with served(done) as (port, _), running() as browser:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.locator(".card summary").first.click()
        page.get_by_label("Find").fill("vhost")
        found = page.locator("#n").text_content()
        expect(page.locator("#live")).to_have_text("live")
        record(done, state=State.BUILDING, because="", logs=())
        expect(page.locator("#builds")).to_contain_text("building", timeout=60_000)
        assert page.get_by_label("Find").input_value() == "vhost"
        assert page.locator("#n").text_content() == found
        assert page.locator(".card details[open]").count() == 1
        page.close()


@pytest.mark.upstream
def test_the_real_backport_is_readable_in_a_browser(
    upstream_kernel: Path, upstream_qemu_kvm: Path, tmp_path: Path
) -> None:
    for folder in ("backport", "specs"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder)
    for verb in ("backport", "report"):
        subprocess.run([*FEDVHOST, "-C", tmp_path, verb, "--release", "f13"], check=True, capture_output=True)
    page_file = tmp_path / PAGE
    assert page_file.stat().st_size < 3_000_000
    with running() as browser:
        for width in (390, 1440):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.goto(page_file.as_uri())
            assert page.locator("#kernel-graph .rows a").count() >= 14
            assert page.locator("#qemu-kvm-graph .rows a").count() >= 29
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert page.evaluate(OVERLAPS)["found"] == []
            page.close()
