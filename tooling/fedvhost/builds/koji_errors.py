"""What a koji hub can do to us, in words for people.

::

    ToolError
    ├── HubUnreachable    no answer for as long as we are patient; nothing is known
    ├── HubRefused        an answer: no
    ├── AnswerLost        it was done; what was answered is not known
    └── UploadSpoiled     what arrives there is not what was sent
"""

from __future__ import annotations

from fedvhost.errors import ToolError


class HubUnreachable(ToolError):
    """No answer came."""

    def __init__(self, server: str, what: str) -> None:
        self.server, self.what = server, what
        super().__init__(f"the koji hub at {server} {what}")


class HubRefused(ToolError):
    """The hub answered with an error: ``said``."""

    def __init__(self, server: str, method: str, said: str) -> None:
        self.method, self.said = method, said.strip()
        super().__init__(f"the koji hub at {server} refused '{method}': {self.said[-1500:]}")


class AnswerLost(ToolError):
    """The hub did what it was asked to, and its answer was lost on the way."""

    def __init__(self, server: str, method: str) -> None:
        super().__init__(f"the answer of the koji hub at {server} to '{method}' was lost")


class UploadSpoiled(ToolError):
    """A file arrives damaged, again and again."""

    def __init__(self, name: str, server: str) -> None:
        super().__init__(
            f"'{name}' arrives damaged at the koji hub at {server}: its checksum there is another, also "
            "after sending it again; nothing was built. What stands between (a proxy?) is to blame"
        )
