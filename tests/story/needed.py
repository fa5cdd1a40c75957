# SPDX-License-Identifier: Apache-2.0
"""What must be there before the story can begin: Debian packages and limpet itself.

Standard library only, because PyYAML comes with the packages.
"""

import os
import platform
import re
import shlex
import signal
import subprocess
from pathlib import Path

from support.goprograms import PROGRAMS, BuildFailed, missing, need_go, programs
from support.processes import spawn
from support.sessions import members, signal_session
from support.waiting import TimedOut, wait_until

TOP = Path(__file__).resolve().parent.parent.parent
PRESETS = {"x86_64": "release-x86_64", "aarch64": "release-arm64"}


class CannotGoOn(RuntimeError):
    """Something is missing or wrong; the message says what to do about it."""


def go(teller):
    """The control plane is built by Go; that is said now and not after minutes of building."""
    try:
        with teller.step("Go") as step:
            step.label = f"Go: {need_go()}"
    except BuildFailed as error:
        raise CannotGoOn(f"{error}\nOr use a cluster that is there: --kubeconfig FILE") from None


def packages(teller):
    """Installs the Debian packages that are missing, or tells how to."""
    with teller.step("Debian packages"):
        popen = subprocess.Popen([TOP / "tests" / "packages", "demo"], text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
        try:
            said = popen.communicate()[0]
        except BaseException:
            # apt ends at a point where it is safe to, which may take a moment.
            popen.send_signal(signal.SIGINT)
            popen.wait()
            raise
        if popen.returncode != 0:
            raise CannotGoOn(said.strip() or f"tests/packages ended with {popen.returncode}")
    if said:
        teller.fact(said)


def control_plane(teller):
    """The control plane's programs, built into the cache the first time."""
    names = missing()
    if names:
        minutes = sum(p.seconds for p in PROGRAMS if p.name in names) / 60
        teller.say(f"{len(names)} programs of the control plane are built from Go source into the"
                   f" cache: about {max(1, round(minutes))} minutes on two cores, once.")
        # It tells by itself how far it is.
        with teller.step("programs of the control plane, built from source", ticking=False):
            _programs()
    with teller.step("programs of the control plane, checked against their manifest"):
        _programs()


def _programs():
    try:
        programs()
    except BuildFailed as error:
        raise CannotGoOn(str(error)) from None


# --- limpet -------------------------------------------------------------------------------

def limpet(teller):
    """Builds limpet and sets LIMPET_BIN, unless it names a binary already."""
    chosen = os.environ.get("LIMPET_BIN")
    if chosen:
        with teller.step("limpet, as LIMPET_BIN names it"):
            version = _version(shlex.split(chosen))
        teller.fact(f"{chosen}: {version}")
        return
    preset = PRESETS.get(platform.machine(), "dev")
    folder = TOP / "build" / preset
    folder.mkdir(parents=True, exist_ok=True)
    label = "libraries and compiler for limpet"
    if not _libraries_are_there(preset):
        teller.say("The libraries that limpet is linked with are built from Debian's sources into"
                   " the cache: about 4 minutes on two cores, once.")
        label += ", built from source"
    _make(teller, label, folder / "demo-configure.log",
          ["cmake", "--preset", preset, "--log-level=NOTICE"])
    _make(teller, f"limpet, built by the preset {preset}", folder / "demo-build.log",
                      ["cmake", "--build", folder, "--target", "limpet"])
    binary = folder / "limpet"
    kind = "one static file" if preset != "dev" else "a debug build"
    teller.fact(f"{_version([binary])}: {kind}, {binary.relative_to(TOP)},"
                f" {binary.stat().st_size / 1e6:.1f} MB")
    os.environ["LIMPET_BIN"] = str(binary)


def _version(words):
    try:
        done = subprocess.run([*words, "version"], capture_output=True, text=True, timeout=20)
    except OSError as error:
        raise CannotGoOn(f"LIMPET_BIN is {words[-1]}: {error.strerror}") from None
    if done.returncode != 0 or not done.stdout.startswith("limpet "):
        raise CannotGoOn(f"LIMPET_BIN is {words[-1]}, and `{words[-1]} version` does not say"
                         f" that it is limpet:\n{done.stderr}{done.stdout}")
    return done.stdout.splitlines()[0]


def _libraries_are_there(preset):
    target = "host" if preset == "dev" else preset.removeprefix("release-")
    done = subprocess.run([TOP / "cross" / "build", "--print-prefix", target],
                          capture_output=True, text=True)
    return done.returncode == 0 and Path(done.stdout.strip()).exists()


def _make(teller, label, log, argv):
    """Runs a step of the build with its output in `log`, whose "[n/m]" tell how far it is."""
    log.unlink(missing_ok=True)
    with teller.step(label, lambda: _how_far(log)):
        process = spawn(argv, name="build", folder=TOP, log=log, env=dict(os.environ))
        try:
            code = process.wait(3600)
        except BaseException:
            _interrupt(process)
            raise
        if code != 0:
            raise CannotGoOn(f"{' '.join(map(str, argv))} ended with {code}; all of it is in"
                             f" {log}, the end:\n{process.log_tail()}")


def _interrupt(process):
    """As Ctrl-C does: cross/build stops its recipes, which run in sessions of their own."""
    signal_session(process.leader, signal.SIGINT)
    try:
        wait_until(lambda: not members(process.leader), "the build to end", 10)
    except TimedOut:
        pass
    process.kill()


def _how_far(log):
    """The last thing that the log of cross/build or ninja tells."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    said = re.findall(r"^(?:\[(\d+)/(\d+)\] |cross/build: (.*))", text, re.MULTILINE)
    if not said:
        return ""
    done, total, words = said[-1]
    return words[:60] or f"{done} of {total} done"
