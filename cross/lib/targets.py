# SPDX-License-Identifier: Apache-2.0
"""What is built, for which target, with which flags. A changed target or library is built anew."""

import collections
import os
import platform
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
# for a target that is not the machine's own: cpu as `uname -m` says it: (compiler's package, kernel headers' package)
CROSS_PACKAGES = {
    "x86_64": ("gcc-x86-64-linux-gnu", "linux-libc-dev-amd64-cross"),
    "aarch64": ("gcc-aarch64-linux-gnu", "linux-libc-dev-arm64-cross"),
    "armhf": ("gcc-arm-linux-gnueabihf", "linux-libc-dev-armhf-cross"),
}


def compiler(target):
    return target.tools + "gcc" if target.tools else "cc"


def compiler_version(target):
    """The first line of --version: another compiler is another build."""
    done = subprocess.run([compiler(target), "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


def missing_packages(target):
    missing = {package for command, package in HOST_TOOLS.items() if not shutil.which(command)}
    if target.tools and target.cpu != platform.machine():
        gcc, headers = CROSS_PACKAGES[target.cpu]
        if not shutil.which(target.tools + "gcc"):
            missing.add(gcc)
        if not os.path.exists(f"/usr/{target.tools[:-1]}/include/linux/version.h"):
            missing.add(headers)
    return sorted(missing)
