# SPDX-License-Identifier: Apache-2.0
"""Running ARM binaries here: qemu-user by binfmt_misc, so that a program that executes
itself again, as limpet's roles do, works as on a device."""

import contextlib
import os
import platform
import subprocess
from pathlib import Path

BINFMT = Path("/proc/sys/fs/binfmt_misc")
# ELF header: class, little endian, EXEC or DYN, machine (binfmt_misc.rst; qemu-binfmt-conf.sh)
MAGIC = {
    "aarch64": (r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00", "qemu-aarch64-static"),
    "arm": (r"\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00", "qemu-arm-static"),
}
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


def _is_registered(machine):
    """Whether an enabled entry already runs this machine's programs, also behind a changed root."""
    emulator = MAGIC[machine][1].replace("-static", "")
    for entry in BINFMT.glob("*"):
        if entry.name not in ("register", "status"):
            text = entry.read_text()
            if emulator in text and "enabled" in text and "flags: " in text and "F" in text.split("flags: ")[1].split()[0]:
                return True
    return False


@contextlib.contextmanager
def emulated(machine):
    """While it lasts, binaries of machine ("aarch64", "arm") can be executed.

    What is not registered is registered, which takes root, and taken away again; a machine
    where that is impossible is an error that says what to do, never a skipped test.
    """
    if platform.machine() == machine:
        yield
        return
    mounted = False
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=True)
        mounted = True
    name = BINFMT / f"limpet-{machine}-{os.getpid()}"
    try:
        if not _is_registered(machine):
            magic, program = MAGIC[machine]
            path = subprocess.run(["sh", "-c", f"command -v {program}"], check=True,
                                  capture_output=True, text=True).stdout.strip()
            try:
                (BINFMT / "register").write_text(f":{name.name}:M::{magic}:{MASK}:{path}:F\n")
            except PermissionError:
                raise RuntimeError(f"programs for {machine} cannot be run: register {program} with"
                                   " binfmt_misc (Debian: the package qemu-user-binfmt), or run"
                                   " the tests as root") from None
        yield
    finally:
        if name.exists():
            name.write_text("-1")
        if mounted:
            subprocess.run(["umount", BINFMT], check=False)
