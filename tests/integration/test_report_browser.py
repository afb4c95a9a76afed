"""The report in a real browser: readable at every width, in light and dark, on paper, by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browser import OVERLAPS, running
from fedvhost.builds.record import State
from fedvhost.pipeline.page.material import Material
from fedvhost.report.page import render
from reports import HOSTILE, build, everything, material, oid, package, smoke

PHONE, DESKTOP = 390, 1440
Show = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as found:
        yield found


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Open the page of some material as a file; an error of its script or policy fails the test."""
    complaints: list[str] = []
    pages: list[Page] = []

    def open_page(
        found: Material, width: int = DESKTOP, scheme: Literal["light", "dark"] = "light", *,
        script: bool = True, fragment: str = "",
    ) -> Page:  # fmt: skip
        file = tmp_path / "report.html"
        file.write_bytes(render(found))
        page = browser.new_page(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=script,
            offline=True,
        )
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.on("request", lambda r: complaints.append(r.url) if not r.url.startswith("file:") else None)
        page.goto(file.as_uri() + fragment)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []


@pytest.fixture(scope="module")
def sizes() -> dict[int, Material]:
    return {n: everything(n) for n in (5, 500)}


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("picks", [5, 500])
def test_no_text_lies_over_another_and_nothing_is_beside_the_screen(
    show: Show, sizes: dict[int, Material], width: int, picks: int
) -> None:
    page = show(sizes[picks], width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    boxes = page.evaluate(OVERLAPS)
    assert boxes["seen"] > picks * 5
    assert boxes["found"] == []


def test_with_everything_open_it_is_the_same(show: Show) -> None:
    for width in (PHONE, DESKTOP):
        page = show(everything(12), width)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(OVERLAPS)["found"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(show: Show, scheme: Literal["light", "dark"]) -> None:
    for width in (PHONE, DESKTOP):
        page = show(everything(12), width, scheme)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        found = Axe().run(page).response
        assert len(found["passes"]) > 20
        serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
        assert [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in serious] == []


def test_a_word_stands_where_a_colour_does(show: Show) -> None:
    page = show(everything(12))
    bare = "[...document.querySelectorAll('.state, .tag, .same')].filter((e) => !e.textContent.trim()).length"
    assert page.evaluate(bare) == 0
    assert page.evaluate("document.querySelectorAll('.rows .tag').length") == 12


def test_hostile_texts_do_nothing_in_a_browser(show: Show) -> None:
    subjects = [f"{n}: {text}" for n, text in enumerate(HOSTILE)]
    for hostile in HOSTILE:
        found = material(
            package("kernel", 8, subjects), pieces=[smoke(why=hostile)], text=hostile,
            builds=[build("kernel", state=State.FAILED, log="z" * 10_000_000, because=hostile)],
        )  # fmt: skip
        page = show(found, PHONE)
        assert page.title() == "No-go: vhost-net for Fedora 13"
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE
        assert page.evaluate("document.images.length + document.scripts.length") == 1


def test_a_subject_longer_than_its_row_pushes_date_and_verdict_away_for_nobody(show: Show) -> None:
    page = show(material(package("kernel", 2, ["word " * 100, "short"])))
    moved = """() => [...document.querySelectorAll('.rows li a')].map((a) => {
      a.focus(); a.scrollIntoView({ inline: 'end' }); return a.closest('li').scrollLeft; })"""
    assert set(page.evaluate(moved)) == {0}


def test_a_script_that_got_in_would_not_run(show: Show, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "holed.html"
    holed = render(everything(5)).replace(b"</h1>", b"</h1><script>document.title='owned'</script>", 1)
    file.write_bytes(holed)
    page = browser.new_page()
    page.goto(file.as_uri())
    assert page.title() == "No-go: vhost-net for Fedora 13"
    page.close()


# -- finding --------------------------------------------------------------------------------------------


def shown(page: Page) -> list[str]:
    return page.locator(".card:visible .subject").all_text_contents()


def test_picks_are_found_by_words_and_verdict(show: Show) -> None:
    page = show(everything(12))
    page.get_by_label("Find").fill("part_4")
    assert shown(page) == ["driver: change number 4 of the series"]
    assert page.locator("#n").text_content() == "1 of 12 picks"
    page.get_by_label("Find").fill("")
    page.locator("#v").select_option("redundant")
    assert len(shown(page)) == 2
    page.locator("#v").select_option("to look at")
    assert len(shown(page)) == 2


def test_picks_are_sorted_within_their_package(show: Show) -> None:
    page = show(everything(12))
    page.get_by_label("Sort").select_option("verdict")
    kernel = page.locator(".cards").first.locator(".card .tag").all_text_contents()
    assert kernel == sorted(kernel)
    page.get_by_label("Sort").select_option("as they land")
    assert page.locator(".cards").first.locator(".no").all_text_contents() == ["1", "2", "3", "4", "5", "6"]


def test_without_script_everything_is_there_and_no_dead_control(show: Show) -> None:
    page = show(everything(12), script=False)
    assert len(shown(page)) == 12
    assert page.locator("form:visible, button:visible, input:visible").count() == 0
    page.locator(".card summary").first.click()
    assert page.locator(".card details[open] pre").first.is_visible()


def test_a_link_to_a_pick_shows_it_even_if_it_was_filtered_out(show: Show) -> None:
    page = show(everything(12))
    page.get_by_label("Find").fill("nothing has this")
    assert shown(page) == []
    page.evaluate(f"location.hash = 'kernel-{oid(3)[:12]}'")
    expect(page.locator(".card:visible")).to_have_count(12)
    assert page.locator(f"#kernel-{oid(3)[:12]}").evaluate("e => e.getBoundingClientRect().top < innerHeight")


def test_by_keyboard_the_first_stop_skips_to_the_content_and_diffs_open(show: Show) -> None:
    page = show(everything(5))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.locator(".card summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator(".card details[open]").count() == 1


def test_on_paper_it_has_the_picks_and_no_controls(show: Show) -> None:
    page = show(everything(12), scheme="dark")
    page.emulate_media(media="print")
    assert page.locator(".find:visible, nav:visible").count() == 0
    assert len(shown(page)) == 12
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    pages = len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))
    assert 2 <= pages <= 12


def test_the_drawing_has_a_name_a_description_and_the_same_in_words(show: Show) -> None:
    page = show(everything(12))
    drawing: Any = page.locator("#kernel-graph svg")
    assert drawing.get_attribute("role") == "img"
    assert "Arrows at the left lead from a prerequisite" in (drawing.locator("desc").text_content() or "")
    page.locator("#kernel-graph details summary").click()
    assert "is needed by" in page.locator("#kernel-graph details").inner_text()
    rows = page.locator("#kernel-graph .rows li").count()
    # A mark stands at the height of its line, whatever the font's size.
    middle = "e => { const r = e.getBoundingClientRect(); return (r.top + r.bottom) / 2 }"
    marks = page.locator("#kernel-graph circle").evaluate_all(f"es => es.map({middle})")
    lines = page.locator("#kernel-graph .rows li").evaluate_all(f"es => es.map({middle})")
    assert len(marks) == rows - 2
    assert all(abs(a - b) < 3 for a, b in zip(marks, lines[1:-1], strict=True))
