"""Programs of this machine for an image: each with the shared libraries it loads, Python with its library."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from fedvhost import process
from fedvhost.errors import ToolMissing
from fedvhost.guests.cpio import Entry, file, link

# The system's own: a virtual environment's or pyenv's may be built anywhere.
PYTHON = "/usr/bin/python3"
# Of the standard library, what no test in a machine wants.
_LEFT_OUT = {
    "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data", "distutils",
    "site-packages", "dist-packages", "__pycache__", "venv", "unittest", "xmlrpc", "wsgiref", "dbm", "curses",
    "sqlite3", "msilib", "config-3.11-x86_64-linux-gnu",
}  # fmt: skip
# Which package brings a program: Fedora's, and Debian's where it has another name.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "qemu-system-x86_64": ("qemu-system-x86-core", "qemu-system-x86"),
    "busybox": ("busybox", "busybox-static"),
    "ip": ("iproute", "iproute2"),
    "tc": ("iproute-tc", "iproute2"),
    "depmod": ("kmod",),
}
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")
_SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def locate(program: str) -> Path:
    """Where ``program`` is, also in the folders for administrators.

    Raises:
        ToolMissing: nowhere; says which package brings it.
    """
    for folder in (*os.environ.get("PATH", "").split(":"), *_SEARCH.split(":")):
        path = Path(folder or ".") / program
        # pyenv and its like put scripts before programs.
        if path.is_file() and os.access(path, os.X_OK) and "shims" not in path.parts:
            return path
    raise ToolMissing(program, *PACKAGES.get(program, (program,)))


def programs(files: Sequence[tuple[str, Path]]) -> Iterator[Entry]:
    """``files``, pairs of a path in the image and a file here, and every library that they load."""
    for path, here in files:
        yield file(path, here, executable=True)
    yield from libraries([here for _, here in files])


def libraries(files: Sequence[Path]) -> Iterator[Entry]:
    """The shared libraries and the loader of ``files``, where the loader looks for them."""
    # ldd says 1 if one of the files is static.
    said = process.run(["ldd", *files], ok=(0, 1), env={"LC_ALL": "C", "PATH": _SEARCH}).stdout.decode()
    for name in sorted(set(_LIBRARY.findall(said))):
        yield file(name, Path(name), executable=True)


def python() -> Iterator[Entry]:
    """The system's Python: interpreter, compiled standard library, extension modules.

    Raises:
        ToolMissing: there is no system Python.
    """
    interpreter = Path(PYTHON)
    if not interpreter.is_file():
        raise ToolMissing(PYTHON, "python3")
    question = (
        "import json, sys, sysconfig; "
        "print(json.dumps([sys.executable, sysconfig.get_path('stdlib'), sys.version_info[:2]]))"
    )
    answer = json.loads(process.run([PYTHON, "-I", "-c", question]).stdout)
    stdlib = Path(answer[1])
    yield from programs([("/usr/bin/python3", interpreter.resolve())])
    extensions = sorted((stdlib / "lib-dynload").glob("*.so"))
    for extension in extensions:
        yield file(str(extension), extension)
    yield from libraries(extensions)
    yield from compiled(stdlib, str(stdlib), _LEFT_OUT)


def compiled(folder: Path, into: str, leave_out: Iterable[str] = ()) -> Iterator[Entry]:
    """The Python modules under ``folder`` as byte code of the system's Python, without their sources: an
    image is unpacked at each start, and compiling under emulation takes seconds."""
    left_out = set(leave_out)
    sources = sorted(folder.rglob("*.py"))
    wanted = [p for p in sources if not left_out & set(p.relative_to(folder).parts[:-1])]
    with tempfile.TemporaryDirectory(prefix="fedvhost-") as temporary:
        jobs = [(str(p), str(Path(temporary) / p.relative_to(folder)) + "c", p.name) for p in wanted]
        process.run([PYTHON, "-I", "-c", _COMPILE], stdin=json.dumps(jobs).encode(), timeout=300)
        for path in wanted:
            relative = path.relative_to(folder)
            byte_code = Path(temporary) / relative.with_suffix(".pyc")
            if byte_code.is_file():
                yield file(f"{into}/{relative.with_suffix('.pyc')}", byte_code.read_bytes())


_COMPILE = """\
import json, os, py_compile, sys
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
for source, target, name in json.load(sys.stdin):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        py_compile.compile(source, target, name, doraise=True, invalidation_mode=mode)
    except py_compile.PyCompileError:
        pass  # a module for another Python
"""


def busybox(box: Path) -> Iterator[Entry]:
    """Busybox, and a link for each of its programs.

    Raises:
        ToolMissing: this one needs shared libraries, so it cannot be the first program of a machine.
    """
    if process.run(["ldd", box], ok=(0, 1), env={"LC_ALL": "C", "PATH": _SEARCH}).returncode == 0:
        raise ToolMissing("busybox (static)", *PACKAGES["busybox"])
    yield file("/bin/busybox", box, executable=True)
    for applet in process.run([box, "--list"]).stdout.decode().split():
        if applet != "busybox":
            yield link(f"/bin/{applet}", "busybox")
