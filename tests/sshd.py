"""An ssh server on loopback, for one test: asyncssh speaks the protocol, a shell runs what is asked.

A process of its own (``python sshd.py FOLDER``): it says how it is reached, and ends with its input.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve; yields the command line that reaches it. Commands have ``folder``/tmp as their TMPDIR."""
    (folder / "tmp").mkdir(parents=True)
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, __file__, folder], stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


async def main(folder: Path) -> None:
    """Serve until the input ends."""
    host, client = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    identity, known = folder / "id", folder / "known_hosts"
    client.write_private_key(identity)
    identity.chmod(0o600)

    async def run(process: asyncssh.SSHServerProcess[bytes]) -> None:
        pipe = asyncio.subprocess.PIPE
        shell = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", process.command or "", stdin=pipe, stdout=pipe, stderr=pipe,
            env={**os.environ, "TMPDIR": str(folder / "tmp")},
        )  # fmt: skip
        await process.redirect(stdin=shell.stdin, stdout=shell.stdout, stderr=shell.stderr)
        process.exit(await shell.wait())

    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[host], encoding=None, process_factory=run,
        authorized_client_keys=asyncssh.import_authorized_keys(client.export_public_key().decode()),
    )  # fmt: skip
    known.write_text(f"[127.0.0.1]:{server.get_port()} {host.export_public_key().decode()}")
    print(
        f"ssh -F none -p {server.get_port()} -i {identity} -o IdentitiesOnly=yes "
        f"-o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes",
        flush=True,
    )
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
