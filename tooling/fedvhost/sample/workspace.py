"""The sample's workspace: manifests with the sample's own object names, specs, configuration, patches."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fedvhost.sample.files import folder
from fedvhost.values import Oid

_NAME = re.compile(r"@((?:kernel|qemu-kvm)/[\w.-]+)@")


def workspace_files(commits: Mapping[str, Oid]) -> dict[str, str]:
    """Return path → text. In the manifests ``@kernel/vhost-net@`` stands for that commit's name.

    Raises:
        KeyError: a manifest names a commit that the sample does not have.
    """
    files = {
        path: _NAME.sub(lambda m: commits[m[1]].short, content) if path.endswith(".toml") else content
        for path, content in folder("workspace").items()
    }
    return {path.replace("dot-", "."): content for path, content in files.items()}
