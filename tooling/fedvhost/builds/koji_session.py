"""A session with a koji hub: koji's own client library, with time-outs, back-off and errors for people.

The library is right about the hard part, so it is kept: every call of a login carries a number, the hub
refuses a number that it has seen, and calls of one login wait for one another. What is changed here is what
it does when no answer comes: it asks thirty times, always after 20 s, silently, each time for up to twelve
hours. Here the very same request (same number) goes out again after 1, 2, 4 … seconds, and is told of.

This module needs koji, requests and tenacity; ``koji_backend`` imports it when a hub is really wanted.
"""

from __future__ import annotations

import contextlib
import hashlib
import xmlrpc.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import koji
import requests
import tenacity

from fedvhost.builds.backend import Remark, Tell
from fedvhost.builds.koji_errors import AnswerLost, HubRefused, HubUnreachable, UploadSpoiled
from fedvhost.builds.koji_profile import Profile

CHUNK = 1 << 20  # bytes; koji's own size of a piece of an upload
_CONNECT = 10.0  # seconds
_SILENCE = 120  # seconds without a byte, where the profile keeps koji's own 12 h
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0  # seconds
_SPOILED_TRIES = 3

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Hub:
    """The hub of a profile. ``login``: as the person, otherwise as anybody, who may only look.

    ``patience``: for how many seconds a hub that does not answer is asked again, a request.
    """

    profile: Profile
    login: bool
    patience: float
    tell: Tell
    _session: Any = None

    def __enter__(self) -> Self:
        options = koji.grab_session_options(dict(self.profile.options))
        silence = self.profile.timeout if self.profile.timeout is not None else _SILENCE
        # For requests, a pair: to connect, and to wait for the next byte. The library's own tries would come
        # on top of ours; its Kerberos login counts them, and wants one.
        tries = 1 if self.login and self.profile.way() == "kerberos" else 0
        options.update(timeout=(min(_CONNECT, silence), silence), auth_timeout=silence, max_retries=tries)
        options.update(retry_interval=1, offline_retry=False, anon_retry=True)
        options.update(user=self.profile.user, password=self.profile.password)
        self._session = koji.ClientSession(self.profile.server, options)
        send = self._session._sendCall
        self._session._sendCall = lambda *request: self._send(send, request)
        # The library renews a login that has expired with arguments that hubs before 1.31 do not know.
        self._session._renew_session = self._enter
        with self._explained():
            if self.login:
                self._enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        # Courtesy, not duty: one try, two seconds; the hub forgets logins by itself.
        session.opts["timeout"] = 2
        self.patience = 0
        with contextlib.suppress(Exception):
            session.logout()
        session.setSession(None)
        session.rsession.close()

    def call(self, method: str, *args: Any, **options: Any) -> Any:
        """Call ``method`` of the hub.

        Raises:
            HubRefused: the hub says no; ``said`` is how.
            HubUnreachable: no answer came for as long as we are patient.
            AnswerLost: the hub did it, and what it answered was lost on the way.
        """
        with self._explained(method):
            return self._session._callMethod(method, args, options, retry=False)

    def upload(self, file: Path, folder: str, progress: Progress) -> None:
        """Put ``file`` into ``folder`` of the hub's work space, in pieces that it checks, and have it hash
        the whole at the end.

        Raises:
            UploadSpoiled: what arrives is not what was sent, three times in a row.
        """
        size, whole = file.stat().st_size, hashlib.sha256()
        with file.open("rb") as source:
            offset = 0
            progress(0, size)
            while offset < size or offset == 0:
                chunk = source.read(CHUNK)
                whole.update(chunk)
                self._upload_chunk(chunk, offset, folder, file.name)
                offset += len(chunk)
                progress(offset, size)
                if not chunk:
                    break
        found = self.call("checkUpload", folder, file.name, verify="sha256")
        if not found or int(found["size"]) != size or found["hexdigest"] != whole.hexdigest():
            raise UploadSpoiled(file.name, self.profile.server)

    def _upload_chunk(self, chunk: bytes, offset: int, folder: str, name: str) -> None:
        sent = koji.util.adler32_constructor(chunk).hexdigest()
        for attempt in range(_SPOILED_TRIES):
            got = self.call("rawUpload", chunk, offset, folder, name, overwrite=True)
            if int(got["size"]) == len(chunk) and got["hexdigest"] == sent:
                return
            if attempt + 1 < _SPOILED_TRIES:
                self.tell(Remark(f"a piece of {name} arrived spoiled (other checksum); sending it again"))
        raise UploadSpoiled(name, self.profile.server)

    def _enter(self) -> None:
        """Log in, in the order that koji's own client tries the ways."""
        session, profile = self._session, self.profile
        session.setSession(None)
        match profile.way():
            case "ssl":
                session.ssl_login(profile.options["cert"], None, profile.options["serverca"])
            case "password":
                session.login()
            case _:
                options = {k: profile.options[k] for k in ("principal", "keytab") if profile.options.get(k)}
                session.gssapi_login(**options)

    def _send(self, send: Callable[..., Any], request: tuple[Any, ...]) -> Any:
        """Send one request; again, byte for byte, while nothing or nonsense comes back."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(transient),
            wait=tenacity.wait_exponential_jitter(_FIRST_WAIT, _LONGEST_WAIT, jitter=0.5),
            stop=tenacity.stop_after_delay(self.patience),
            before_sleep=self._waiting,
            reraise=True,
        )
        return retrying(send, *request)

    def _waiting(self, state: tenacity.RetryCallState) -> None:
        self._session.new_session()
        error = state.outcome.exception() if state.outcome else None
        seconds = state.next_action.sleep if state.next_action else 0
        assert error is not None
        self.tell(Remark(f"the hub {what_happened(error)}; trying again in {seconds:.0f} s"))

    @contextlib.contextmanager
    def _explained(self, method: str = "login") -> Iterator[None]:
        """Turn what the library raises into our own errors."""
        server = self.profile.server
        try:
            yield
        except koji.RetryError as error:
            raise AnswerLost(server, method) from error
        except koji.PythonImportError as error:
            raise HubRefused(
                server, "login", "this koji has no Kerberos; try: dnf install python3-requests-gssapi   "
                "(elsewhere: pip install 'fedvhost[koji]', which compiles it)"
            ) from error  # fmt: skip
        except koji.ServerOffline as error:
            raise HubUnreachable(server, f"is offline: {error}") from error
        except koji.GenericError as error:
            raise HubRefused(server, method, str(error)) from error
        except (OSError, requests.RequestException, xmlrpc.client.Error) as error:
            raise HubUnreachable(server, what_happened(error)) from error


def transient(error: BaseException) -> bool:
    """Whether the same request may well be answered a moment later."""
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.InvalidURL):
        return False
    if isinstance(error, requests.exceptions.HTTPError):
        # What proxies say while a hub is restarted or too busy.
        return error.response is not None and error.response.status_code in (408, 429, 500, 502, 503, 504)
    if isinstance(error, xmlrpc.client.Fault):
        return bool(error.faultCode == koji.ServerOffline.faultCode)
    # ExpatError is a ValueError's sibling: an answer that ends in the middle.
    return isinstance(error, requests.RequestException | OSError | xmlrpc.client.Error) or (
        type(error).__name__ in ("ExpatError", "IncompleteRead")
    )


def what_happened(error: BaseException) -> str:
    """What a person would say of it, after "the hub"."""
    if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
        return f"answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.SSLError):
        return f"has no certificate that is trusted here: {error}"
    if isinstance(error, requests.exceptions.Timeout):
        return "does not answer in time"
    text = str(error)
    if "refused" in text:
        return "cannot be reached: connection refused"
    if "resolve" in text or "Name or service" in text:
        return "cannot be reached: its name is not known"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "closed the connection"
    if isinstance(error, xmlrpc.client.Fault):
        return f"is offline: {error.faultString}"
    return f"answers nonsense: {text[:200]}"
