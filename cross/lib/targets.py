# SPDX-License-Identifier: Apache-2.0
"""What is built, for which target, with which flags. A change here builds everything anew."""

import collections
import shutil
import subprocess

# tools: gcc's prefix; triplet: what the musl compiler is called
Target = collections.namedtuple("Target", "name tools triplet cpu cflags")

MUSL_CFLAGS = (
    "-Os -ffunction-sections -fdata-sections -fno-unwind-tables -fno-asynchronous-unwind-tables"
    " -fstack-protector-strong"
)
MUSL_LIBC_CFLAGS = "-Os -ffunction-sections -fdata-sections"
HOST_CFLAGS = "-O1 -g -fno-omit-frame-pointer -fPIC -ffunction-sections -fdata-sections"

TARGETS = {
    t.name: t
    for t in (
        Target("host", "", "", "", HOST_CFLAGS),
        Target("x86_64", "x86_64-linux-gnu-", "x86_64-linux-musl", "x86_64", MUSL_CFLAGS),
        Target("arm64", "aarch64-linux-gnu-", "aarch64-linux-musl", "aarch64", MUSL_CFLAGS),
        Target("armhf", "arm-linux-gnueabihf-", "arm-linux-musleabihf", "armhf", MUSL_CFLAGS),
    )
}

# name as in deps.lock; needs: built before; spdx and licences: for the notices that a binary carries
Library = collections.namedtuple("Library", "name needs spdx licences")

MUSL = Library("musl", (), "MIT", ("COPYRIGHT",))

# The order is that of starting: what others wait for, then what takes longest.
LIBRARIES = (
    Library("zlib", (), "Zlib", ("LICENSE",)),
    Library("nghttp2", (), "MIT", ("COPYING", "third-party/llhttp/LICENSE-MIT")),
    Library("mbedtls", (), "Apache-2.0 OR GPL-2.0-or-later", ("LICENSE",)),
    Library("curl", ("zlib", "nghttp2", "mbedtls"), "curl", ("COPYING",)),
    Library("libgit2", ("zlib", "nghttp2"), "GPL-2.0-only WITH GCC-exception-2.0", ("COPYING",)),
    Library("libsodium", (), "ISC", ("LICENSE",)),
    Library("sqlite3", (), "blessing", ("LICENSE.md",)),
    Library("yyjson", (), "MIT", ("LICENSE",)),
    Library("libyaml", (), "MIT", ("License",)),
)

# command: Debian package
HOST_TOOLS = {
    "cc": "gcc", "ar": "binutils", "make": "make", "cmake": "cmake", "ninja": "ninja-build", "patch": "patch",
    "xz": "xz-utils", "bzip2": "bzip2", "autoreconf": "autoconf", "automake": "automake", "libtoolize": "libtool",
    "tclsh": "tcl",
}
CROSS_TOOLS = {
    "x86_64": {"x86_64-linux-gnu-gcc": "gcc-x86-64-linux-gnu"},
    "arm64": {"aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu"},
    "armhf": {"arm-linux-gnueabihf-gcc": "gcc-arm-linux-gnueabihf"},
}


def compiler(target):
    return target.tools + "gcc" if target.tools else "cc"


def compiler_version(target):
    """The first line of --version: another compiler is another build."""
    done = subprocess.run([compiler(target), "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


def missing_packages(target):
    tools = dict(HOST_TOOLS, **CROSS_TOOLS.get(target.name, {}))
    return sorted({package for command, package in tools.items() if not shutil.which(command)})
