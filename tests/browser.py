"""A real browser for the report: Chromium of the system, driven by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

# Pieces of text that lie over one another, as the reader sees them: what a box hides is cut off first.
OVERLAPS = """() => {
  const boxes = [], aside = ".find, .skip, .hidden, #live, script, style, title, desc, option";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, host = node.parentElement;
    if (!node.data.trim() || host.closest(aside)) continue;
    if (!host.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const r of range.getClientRects()) {
      let [left, top, right, bottom] = [r.left, r.top, r.right, r.bottom];
      for (let e = host; e; e = e.parentElement) {
        if (getComputedStyle(e).overflowX === "visible" || e === document.documentElement) continue;
        const c = e.getBoundingClientRect();
        left = Math.max(left, c.left); right = Math.min(right, c.right);
        top = Math.max(top, c.top); bottom = Math.min(bottom, c.bottom);
      }
      // A text that ends in an ellipsis has two boxes: whole, and as far as it is shown.
      const cut = host.closest(".rows li") && boxes.some((b) => b.node === node);
      if (right - left > 1 && bottom - top > 4 && !cut) boxes.push({ left, top, right, bottom, node });
    }
  }
  boxes.sort((a, b) => a.top - b.top);
  const found = [], text = (box) => box.node.data.trim().slice(0, 50);
  boxes.forEach((a, at) => {
    for (let i = at + 1; i < boxes.length && boxes[i].top < a.bottom; i++) {
      const b = boxes[i];
      const high = Math.min(a.bottom, b.bottom) - b.top;
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const most = 0.4 * Math.min(a.bottom - a.top, b.bottom - b.top);
      if (wide > 2 && high > most) found.push(text(a) + " | " + text(b));
    }
  });
  return { seen: boxes.length, found };
}"""


def program() -> str | None:
    """Where the system's Chromium is, None if it has none."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


@contextmanager
def running() -> Iterator[Browser]:
    """Run a browser without a window; the test is skipped where there is none."""
    where = program()
    if where is None:
        pytest.skip("no Chromium here; try: apt-get install chromium (Fedora: dnf install chromium)")
    with sync_playwright() as playwright:
        # Without its sandbox: tests may run as root, and it opens nothing but our own pages.
        found = playwright.chromium.launch(executable_path=where, args=["--no-sandbox"])
        try:
            yield found
        finally:
            found.close()
