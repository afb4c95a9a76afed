"use strict";
(() => {
  const get = (id) => document.getElementById(id);
  const texts = new WeakMap();
  const text = (card) => {
    if (!texts.has(card)) texts.set(card, card.textContent.toLowerCase());
    return texts.get(card);
  };
  const ranks = {
    order: (a, b) => a.dataset.n - b.dataset.n,
    verdict: (a, b) => a.dataset.v.localeCompare(b.dataset.v) || a.dataset.n - b.dataset.n,
    date: (a, b) => a.dataset.d.localeCompare(b.dataset.d) || a.dataset.n - b.dataset.n,
    size: (a, b) => b.dataset.z - a.dataset.z || a.dataset.n - b.dataset.n,
    subject: (a, b) => a.querySelector(".subject").textContent.localeCompare(b.querySelector(".subject").textContent),
  };
  const cards = () => [...document.querySelectorAll(".card")];

  function filter() {
    const words = get("q").value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdict = get("v").value;
    let seen = 0;
    for (const card of cards()) {
      const fits = !verdict || card.dataset.v === verdict || card.dataset.f.split(" ").includes(verdict);
      card.hidden = !(fits && words.every((word) => text(card).includes(word)));
      seen += !card.hidden;
    }
    const all = cards().length;
    get("n").value = seen === all ? `${all} picks` : `${seen} of ${all} picks`;
  }
  function sort() {
    for (const list of document.querySelectorAll(".cards")) {
      list.append(...[...list.children].sort(ranks[get("s").value]));
    }
  }
  function reveal() {
    const target = location.hash && get(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.hidden) { get("q").value = ""; get("v").value = ""; filter(); }
    target.closest("details")?.setAttribute("open", "");
    target.scrollIntoView();
  }
  function begin() {
    const form = get("find");
    if (!form || !cards().length) return;
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    get("q").addEventListener("input", filter);
    get("v").addEventListener("change", filter);
    get("s").addEventListener("change", sort);
    const all = (open) => () => { for (const d of document.querySelectorAll(".card:not([hidden]) details")) d.open = open; };
    get("open").addEventListener("click", all(true));
    get("close").addEventListener("click", all(false));
    filter();
  }
  begin();
  addEventListener("hashchange", reveal);
  reveal();

  if (!document.documentElement.hasAttribute("data-live")) return;
  // A newer page takes the place of this one's content; what was open, sought and scrolled to stays.
  let tag = "";
  const told = get("live");
  const path = (d) => (d.closest("[id]")?.id || "") + "|" + (d.querySelector("summary")?.textContent || "");
  async function look() {
    try {
      const answer = await fetch(location.pathname, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
      if (answer.status === 200) {
        const first = !tag;
        tag = answer.headers.get("ETag") || "";
        if (!first) exchange(await answer.text());
      }
      told.textContent = "live"; told.hidden = false;
    } catch {
      told.textContent = "not live: fedvhost report --serve has ended"; told.hidden = false;
    }
    setTimeout(look, 1500);
  }
  function exchange(page) {
    const next = new DOMParser().parseFromString(page, "text/html");
    const open = new Set([...document.querySelectorAll("details[open]")].map(path));
    const had = ["q", "v", "s"].map((id) => get(id)?.value);
    const focus = document.activeElement?.id;
    get("content").replaceWith(next.getElementById("content"));
    document.title = next.title;
    for (const d of document.querySelectorAll("details")) if (open.has(path(d))) d.open = true;
    begin();
    ["q", "v", "s"].forEach((id, at) => { if (get(id) && had[at] !== undefined) get(id).value = had[at]; });
    if (get("find") && !get("find").hidden) { sort(); filter(); }
    if (focus) get(focus)?.focus({ preventScroll: true });
  }
  look();
})();
