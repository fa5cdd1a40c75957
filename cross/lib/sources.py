# SPDX-License-Identifier: Apache-2.0
"""Debian source packages: fetched through apt, checked against deps.lock, unpacked and patched.

The machine's own apt configuration is read and never changed: a private one, with the same
archives but Debian 13's source packages, lies in the cache.
"""

import glob
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from common import CROSS, Failure, folder, locked, say, sha256, tail

MAIN, SECURITY = "trixie", "trixie-security"
RELEASES = {"bullseye", "bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable"}
LOCK = CROSS / "deps.lock"


class Package:
    """The locked files of one source package: upstream's and, newest first, Debian's patches for it."""

    def __init__(self, name):
        self.name = name
        self.orig = None
        self.patches = []

    def chosen(self):
        """The files to build from, which must have been fetched: (orig, patches or None)."""
        have = [p for p in self.patches if path(p).exists()]
        return self.orig, have[0] if have else None

    def version(self):
        """As built: Debian's version without its epoch, or upstream's where there are no patches."""
        orig, patches = self.chosen()
        name, suffix = (patches, ".debian.tar.") if patches else (orig, ".orig.tar.")
        return name.split("_", 1)[1].split(suffix)[0]


def read_lock():
    """(packages by name, SHA-256 by file name)"""
    packages, hashes = {}, {}
    for number, line in enumerate(LOCK.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"([0-9a-f]{64})  ([a-z0-9]+)_([^/\s]+)", line)
        if not match:
            raise Failure(f"{LOCK}:{number}: expected `SHA256  PACKAGE_VERSION.(orig|debian).tar.EXT`, got: {line}")
        file = f"{match[2]}_{match[3]}"
        package = packages.setdefault(match[2], Package(match[2]))
        hashes[file] = match[1]
        if ".debian.tar." in file:
            package.patches.append(file)
        elif package.orig is None:
            package.orig = file
        else:
            raise Failure(f"{LOCK}:{number}: {match[2]} has a second orig file: {file}")
    return packages, hashes


def path(file):
    return folder("src") / file


def check(files, hashes):
    """Every one of `files` that is in the cache must be the locked one."""
    for file in files:
        if path(file).exists() and sha256(path(file)) != hashes[file]:
            raise Failure(f"{path(file)} is not the file that {LOCK} names: its SHA-256 differs (altered or damaged)\n"
                          f"  delete it and run the same command again: rm '{path(file)}'")


# ---- the machine's archives

def _stanzas(text):
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields, key = {}, None
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t") and key:
                fields[key] += "\n" + line
            elif ":" in line:
                key, value = line.split(":", 1)
                key = key.strip().lower()
                fields[key] = value.strip()
        if fields:
            yield fields


def _one_line(text):
    for match in re.finditer(r"^deb(?:-src)?\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)", text, re.M):
        options = dict(o.split("=", 1) for o in (match[1] or "").split() if "=" in o)
        yield {"uris": match[2], "suites": match[3], "signed-by": options.get("signed-by", "")}


def archives():
    """Debian 13's suites in the archives that this machine uses: suite -> its sources file."""
    found = {}
    entries = []
    for name in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")):
        entries += _stanzas(pathlib.Path(name).read_text())
    for name in ["/etc/apt/sources.list"] + sorted(glob.glob("/etc/apt/sources.list.d/*.list")):
        if os.path.exists(name):
            entries += _one_line(pathlib.Path(name).read_text())
    for entry in entries:
        if entry.get("enabled", "yes").lower() == "no":
            continue
        for suite in entry.get("suites", "").split():
            base = re.sub(r"(-security|/updates)$", "", suite)
            if base in RELEASES:
                wanted = MAIN if suite == base else SECURITY
                found.setdefault(wanted, (entry.get("uris", ""), entry.get("signed-by", "")))
    for variable, suite in (("LIMPET_DEBIAN", MAIN), ("LIMPET_DEBIAN_SECURITY", SECURITY)):
        if os.environ.get(variable):
            found[suite] = (os.environ[variable], "")
    if MAIN not in found:
        raise Failure("no Debian archive in /etc/apt/sources.list or /etc/apt/sources.list.d\n"
                      "  name one, as in a `deb` line: LIMPET_DEBIAN=URI LIMPET_DEBIAN_SECURITY=URI cross/build ...")
    return {suite: f"Types: deb-src\nURIs: {uris}\nSuites: {suite}\nComponents: main\n"
                   + (f"Signed-By: {signed_by}\n" if signed_by else "")
            for suite, (uris, signed_by) in found.items()}


class Apt:
    """apt with a configuration of its own, for one suite.

    The suites are asked one at a time: where both have a revision, apt would ask the first alone,
    and an archive may lack single files.
    """

    def __init__(self, suite, text):
        self.top = folder("apt") / suite
        self.log = folder("logs") / f"apt-{suite}.log"
        self.log.write_text("")
        for name in ("parts", "lists/partial", "cache/archives/partial"):
            (self.top / name).mkdir(parents=True, exist_ok=True)
        (self.top / "parts/limpet.sources").write_text(text)
        self.options = ["-q", "-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::Etc::sourceparts={self.top}/parts",
                        "-o", f"Dir::State::lists={self.top}/lists", "-o", f"Dir::Cache={self.top}/cache",
                        "-o", "APT::Sandbox::User=root"]
        if not shutil.which("apt-get"):
            raise Failure(f"there is no apt-get here to fetch the sources with\n  put the files of {LOCK} into "
                          f"{folder('src')} by hand")
        if self._run(["apt-get", *self.options, "update"], self.top) != 0:
            raise Failure(f"apt-get update failed for {suite}: {self.log}\n{tail(self.log)}\n  is the network there? On "
                          "an old Debian, `apt-get install --only-upgrade debian-archive-keyring` brings Debian 13's keys")
        self.versions = self._index()

    def _run(self, command, cwd):
        with open(self.log, "a") as log:
            return subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode

    def _index(self):
        """(file, SHA-256) -> package=version, from the signed index."""
        shown = subprocess.run(["apt-cache", *self.options, "showsrc", "--only-source", *read_lock()[0]],
                               capture_output=True, text=True)
        versions = {}
        for fields in _stanzas(shown.stdout):
            for digest, _, file in re.findall(r"^ ([0-9a-f]{64}) (\d+) (\S+)$", fields.get("checksums-sha256", ""), re.M):
                versions[file, digest] = f"{fields['package']}={fields['version']}"
        return versions

    def offers(self, package):
        return {file for file, _ in self.versions if file.startswith(package + "_") and ".debian.tar." in file}

    def download(self, files, hashes):
        """Bring those of `files` (all of one kind) that this suite has, and that are the locked ones, into the cache."""
        wanted = [self.versions[file, hashes[file]] for file in files if (file, hashes[file]) in self.versions]
        if not wanted:
            return
        kind = "--diff-only" if ".debian.tar." in files[0] else "--tar-only"
        with tempfile.TemporaryDirectory(dir=folder("src"), prefix=".fetch-") as there:
            self._run(["apt-get", *self.options, "source", "--download-only", kind, *wanted], there)
            for file in files:
                new = pathlib.Path(there) / file
                if new.exists() and sha256(new) == hashes[file]:
                    new.rename(path(file))


def fetch(names):
    """Bring the source files of these packages into the cache."""
    packages, hashes = read_lock()
    wanted = [packages[name] for name in names]
    check([f for p in wanted for f in [p.orig, *p.patches]], hashes)

    def origs():
        return [p.orig for p in wanted if not path(p.orig).exists()]

    def patches():
        return [p.patches for p in wanted if p.patches and not p.chosen()[1]]

    if not origs() and not patches():
        return
    with locked("src"):
        say("reading Debian 13's lists of source packages")
        suites = {suite: Apt(suite, text) for suite, text in archives().items()}
        say(f"fetching {len(origs()) + len(patches())} source files")
        for suite in (s for s in (MAIN, SECURITY) if s in suites):
            suites[suite].download(origs(), hashes)
        for rank in range(max(len(p.patches) for p in wanted)):
            for suite in (s for s in (SECURITY, MAIN) if s in suites):
                suites[suite].download([c[rank] for c in patches() if len(c) > rank], hashes)
    if origs() or patches():
        _fail(suites.values(), origs(), patches())


def _fail(suites, origs, patches):
    lines = [f"  {file}" for file in origs]
    for candidates in patches:
        offered = sorted(set().union(*(apt.offers(candidates[0].split("_")[0]) for apt in suites)))
        lines.append(f"  {' or '.join(candidates)}\n    (the archive's index has {', '.join(offered) or 'none'})")
    raise Failure(f"these files of {LOCK.name} could not be fetched:\n" + "\n".join(lines) + "\n"
                  f"  see {folder('logs')}/apt-*.log; put the file into {folder('src')} by hand, or, where Debian\n"
                  f"  has a newer revision, add it to {LOCK.name}: cross/README.md, \"Raising a version\"")


# ---- unpacking

def unpack(package, where, log):
    """Unpack the package into `where` and apply Debian's patches; returns the source folder."""
    orig, patches = package.chosen()
    where.mkdir(parents=True)
    _tar(path(orig), where, log)
    tops = list(where.iterdir())
    source = tops[0] if len(tops) == 1 else where
    if patches:
        _tar(path(patches), source, log)
        series = source / "debian/patches/series"
        for line in series.read_text().splitlines() if series.exists() else []:
            words = line.split("#")[0].split()
            if not words:
                continue
            with open(source / "debian/patches" / words[0]) as text:
                if subprocess.run(["patch", "-p1", "-N", "-s", "--no-backup-if-mismatch"], cwd=source, stdin=text,
                                  stdout=log, stderr=log).returncode:
                    raise Failure(f"Debian's patch {words[0]} does not apply to {orig}")
    return source


def _tar(archive, where, log):
    if subprocess.run(["tar", "-xf", archive, "-C", where, "--no-same-owner"], stdout=log, stderr=log).returncode:
        raise Failure(f"cannot unpack {archive}")
