"""The report as a page: what it says, what it must not claim, and that others' texts do no harm."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

from fedvhost.builds.record import State
from fedvhost.pipeline.page.material import Material
from fedvhost.release.facts import Piece, Said, Standing
from fedvhost.report.page import render
from fedvhost.report.steps import State as Step
from fedvhost.report.steps import judge
from reports import HOSTILE, build, built, everything, material, oid, package, smoke


class Seen(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._within = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = tag

    def handle_data(self, data: str) -> None:
        if self._within not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(found: Material) -> Seen:
    return Seen(render(found))


def test_the_same_material_gives_the_same_bytes() -> None:
    assert render(everything(40)) == render(everything(40))


def test_the_page_needs_nothing_but_itself() -> None:
    page = page_of(everything(10))
    links = [
        v for _, attributes in page.elements for k, v in attributes.items() if k in ("src", "href", "action")
    ]
    assert links
    assert all(v is not None and v.startswith("#") for v in links)
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "connect-src" not in policy


def test_every_link_within_the_page_leads_somewhere_and_no_name_is_given_twice() -> None:
    page = page_of(everything(40))
    ids = [i for _, attributes in page.elements if (i := attributes.get("id"))]
    assert len(ids) == len(set(ids))
    assert {a["href"] for a in page.all("a")} <= {f"#{i}" for i in ids}


def test_hostile_texts_are_shown_and_are_no_elements() -> None:
    subjects = [f"{n}: {text}" for n, text in enumerate(HOSTILE)]
    log = "\n".join((*HOSTILE, "y" * 10_000_000))
    for hostile in HOSTILE:
        found = material(
            package("kernel", 8, subjects),
            pieces=[smoke(why=hostile)],
            builds=[build("kernel", state=State.FAILED, log=log, because=hostile)],
            text=hostile,
        )
        harmless = material(
            package("kernel", 8),
            pieces=[smoke(why="w")],
            builds=[build("kernel", state=State.FAILED, because="b")],
        )
        page, quiet = render(found), render(harmless)
        assert [t for t, _ in Seen(page).elements if t in ("script", "img", "style")] == ["style", "script"]
        assert len(Seen(page).elements) == len(Seen(quiet).elements)
        assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", page)
        assert "‮" not in page.decode()
        assert len(page) < 400_000
    assert "<script>document.title" in html.unescape(page.decode())
    assert "{{ 7*7 }}" in html.unescape(page.decode())


def test_without_any_evidence_nothing_is_said_to_have_passed() -> None:
    page = page_of(material(package("kernel", 3)))
    assert "No-go" in page.text
    assert "passed" not in {w for w in page.words if w.strip() == "passed"}
    assert "not run: there is no evidence" in page.text
    assert "fedvhost build --release f13" in page.text


def test_stale_and_spoiled_evidence_is_no_pass() -> None:
    facts = Said({"ok": True, "findings": [], "nvr": "a-1-1"})
    for standing, state in ((Standing.STALE, Step.STALE), (Standing.SPOILED, Step.UNKNOWN)):
        piece = Piece("spec", "kernel", "spec-kernel.json", standing, facts, problem="its seal does not fit")
        assert judge(piece)[0] is state
        assert "its seal does not fit" in page_of(material(package("kernel", 1), pieces=[piece])).text


def test_evidence_that_says_ok_in_another_way_than_true_is_unknown() -> None:
    for said in (1, "true", None, [True]):
        assert judge(Piece("check", "kernel", "", Standing.GOOD, Said({"ok": said})))[0] is Step.UNKNOWN


def test_facts_of_an_unexpected_form_are_told_and_stop_nothing() -> None:
    for content in ({"ok": False}, {"ok": True, "patches": 3, "rows": "none", "runs": {}, "applied": []}):
        for kind in ("backport", "spec", "check", "fixes", "build", "smoke"):
            pieces = [Piece(kind, "kernel", "f.json", Standing.GOOD, Said(content))]
            assert page_of(material(package("kernel", 2), pieces=pieces)).all("main")


def test_a_pick_shows_verdict_reason_and_what_was_done() -> None:
    page = page_of(material(package("kernel", 6)))
    ids = {attributes.get("id") for attributes in page.all("article")}
    assert f"kernel-{oid(1)[:12]}" in ids
    assert "'part_1' is not defined without it" in page.text
    assert "between the lines that both sides have" in page.text
    assert "Changed against upstream: drivers/part3/file3.c (differs)" in page.text
    assert "No patch: nothing to do here." in page.text


def test_only_the_lines_that_differ_are_marked() -> None:
    marked = re.findall(r"<mark>(.*?)</mark>", render(material(package("kernel", 6))).decode())
    assert [html.unescape(re.sub("<.*?>", "", m)) for m in marked] == [
        "≠+\tcall_4(second);",
        "≠+\tcall_4(other);",
    ]


def test_a_patch_that_is_not_there_is_not_compared() -> None:
    one = package("kernel", 1)
    gone = type(one)(one.name, one.plan, one.commits, "", {}, {}, one.folder, one.spec)
    assert "No patch of it is in the series as it stands" in page_of(material(gone)).text


def test_without_the_history_the_change_against_upstream_is_unknown() -> None:
    one = package("kernel", 1)
    alone = type(one)(
        one.name, one.plan, {}, "it is not at hand", one.patches, one.patch_of, one.folder, one.spec
    )
    text = page_of(material(alone)).text
    assert "Not compared with upstream's commit" in text
    assert "Same change as upstream" not in text


def test_rows_of_the_test_plan_that_nothing_covered_are_unknown() -> None:
    page = page_of(material(package("kernel", 1), pieces=[built("kernel"), smoke()]))
    assert "6 unknown" in page.text  # of eight, one passed, one failed, one was not decided; one row is extra
    assert "guest: Bulk: fail, 2 of 3 runs; lost 2" in page.text


def test_rows_that_passed_on_another_build_are_unknown_for_what_ships() -> None:
    for pieces in ([smoke()], [built("kernel"), smoke(packages=("other",))]):
        page = page_of(material(package("kernel", 1), pieces=pieces))
        assert "1 failed, 8 unknown" in page.text
        assert "what it passed does not count for what ships" in page.text


def test_a_row_that_passed_before_the_packages_changed_is_stale() -> None:
    page = page_of(material(package("kernel", 1), pieces=[smoke(standing=Standing.STALE)]))
    assert "3 stale" in page.text
    assert page.text.count("stale guest, run ") == 3
    assert not re.search(r"\d+ passed", page.text)


def test_go_is_said_only_when_the_checklist_says_it() -> None:
    assert page_of(material(package("kernel", 1), go=True)).all("title")
    assert "No-go" not in page_of(material(package("kernel", 1), go=True)).text
    assert "No-go" in page_of(material(package("kernel", 1))).text


def test_five_hundred_picks_stay_small_enough_to_mail() -> None:
    assert len(render(everything(500))) < 3_000_000
