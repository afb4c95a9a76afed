"""An ssh server on loopback, for one test: asyncssh speaks the protocol, a shell runs what is asked."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve; yields the command line that reaches it. Commands have ``folder``/tmp as their TMPDIR."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    host, client = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    identity, known = folder / "id", folder / "known_hosts"
    client.write_private_key(identity)
    identity.chmod(0o600)

    async def run(process: asyncssh.SSHServerProcess[bytes]) -> None:
        pipe = asyncio.subprocess.PIPE
        shell = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", process.command or "", stdin=pipe, stdout=pipe, stderr=pipe,
            env={**os.environ, "TMPDIR": str(temporary)},
        )  # fmt: skip
        await process.redirect(stdin=shell.stdin, stdout=shell.stdout, stderr=shell.stderr)
        status = await shell.wait()
        await process.stdout.drain()
        process.exit(status)

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[host], encoding=None, process_factory=run,
            authorized_client_keys=asyncssh.import_authorized_keys(client.export_public_key().decode()),
        )  # fmt: skip

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
        port = server.get_port()
        known.write_text(f"[127.0.0.1]:{port} {host.export_public_key().decode()}")
        yield (
            f"ssh -F none -p {port} -i {identity} -o IdentitiesOnly=yes -o UserKnownHostsFile={known} "
            "-o StrictHostKeyChecking=yes"
        )
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(server: asyncssh.SSHAcceptor) -> None:
    server.close()
    await server.wait_closed()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
