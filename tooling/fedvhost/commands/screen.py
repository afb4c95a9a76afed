"""A build while it runs: a line for each part that ends, and one changing line of what is being done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import click

from fedvhost.builds.backend import Event, Line, Phase, Remark, TaskTree, Transfer
from fedvhost.builds.record import Record
from fedvhost.commands.context import Invocation
from fedvhost.commands.run import style
from fedvhost.pipeline.builds.chaining import Watcher
from fedvhost.report.builds import bar, tree_lines
from fedvhost.report.text import harmless

Show = Callable[[str], None]


@dataclass(slots=True)
class Screen:
    """What is shown of a build. ``show`` changes the line at the bottom; ``quiet``: nothing at all."""

    show: Show
    quiet: bool = False
    _phase: str = ""
    _since: float = 0.0
    _build: str = ""
    _tasks: dict[int, str] = field(default_factory=dict)

    @property
    def watcher(self) -> Watcher:
        """The form in which a chain wants it."""
        return Watcher(self.progress, self.event, self.changed)

    def progress(self, text: str) -> None:
        """Something before there is a build."""
        self.show(harmless(text))

    def changed(self, record: Record) -> None:
        """A build entered another state."""
        self._end_phase()
        if record.id != self._build:
            self._build = record.id
            self._say(style(record.nvr, "bold") + f"  {record.via}, build {record.id}")

    def event(self, record: Record, event: Event) -> None:
        """Something happened in a build."""
        match event:
            case Phase(name):
                self._end_phase()
                self._phase, self._since = name, time.monotonic()
                self.show(harmless(name))
            case Line(text):
                self.show(f"{harmless(self._phase)}  {harmless(text)}")
            case Transfer(what, done, total):
                self.show(f"{harmless(what)}  {bar(done, total)}")
            case TaskTree(tasks):
                self.show("\n".join(tree_lines(tasks)))
                for task in tasks:
                    if self._tasks.get(task.number) != task.state:
                        self._tasks[task.number] = task.state
                        self._say(f"  task {task.number} {harmless(task.label)}: {harmless(task.state)}")
            case Remark(text):
                self._say(f"  {harmless(text)}")

    def close(self) -> None:
        """Nothing more comes."""
        self._end_phase()

    def _end_phase(self) -> None:
        if self._phase:
            name = harmless(self._phase)
            self._say(f"  {name:<22} {time.monotonic() - self._since:7.1f} s")
        self._phase = ""

    def _say(self, text: str) -> None:
        if not self.quiet:
            click.echo(text, err=True)


@contextmanager
def screen_of(invocation: Invocation) -> Iterator[Screen]:
    """Show builds on stderr; the changing line only if somebody watches."""
    if invocation.quiet or not sys.stderr.isatty():
        screen = Screen(lambda _: None, invocation.quiet)
        yield screen
        screen.close()
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    with console.status("reading the manifests", refresh_per_second=8) as status:

        def show(text: str) -> None:
            lines = text.splitlines()[:20] or [""]
            width = max(console.width - 4, 20)
            status.update(Text("\n".join(line[:width] for line in lines)))

        screen = Screen(show)
        yield screen
        screen.close()
