"""What gunicorn serves: the hub's own WSGI application, told where its configuration is, as Apache would."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import kojixmlrpc  # the hub's, from the sdist


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request."""
    environ["koji.hub.ConfigFile"] = os.environ["KOJI_HUB_CONF"]
    environ["koji.hub.ConfigDir"] = "/nonexistent"
    environ["SCRIPT_FILENAME"] = kojixmlrpc.__file__
    answer: Iterable[bytes] = kojixmlrpc.application(environ, start_response)
    return answer
