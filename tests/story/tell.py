#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tells limpet's story as it really happens, on real parts, and checks every step.

Builds limpet, starts a real Kubernetes control plane and a real Git server over TLS on
loopback, makes a key and a site repository, and pushes signed commits:

  the site converges; a second push changes an image and deletes an object; an unsigned
  push and a stranger's are refused; with the Git server stopped the site is rolled back;
  limpet is killed and a namespace deleted, and everything comes back from the device.

The first run builds for about 15 minutes on two cores (the control plane is most of it),
and keeps that in the cache; later runs take about a minute.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from story import needed  # noqa: E402
from story.teller import Teller  # noqa: E402

DEMO = Path(__file__).resolve().parent.parent / "demo"

EXAMPLES = """\
examples:
  tests/demo                                      the whole story
  tests/demo --keep                               and look around afterwards
  tests/demo --end /tmp/limpet-demo-a1b2c3d4      after that
  tests/demo --kubeconfig /etc/rancher/k3s/k3s.yaml
                                                  on a k3s that is there
  NO_COLOR=1 tests/demo 2>&1 | tee demo.log

environment:
  LIMPET_CACHE       where what takes long to build is kept (default: ~/.cache/limpet)
  LIMPET_BIN         a limpet binary to use; none is built
  LIMPET_TEST_KEEP   set: the demo's folder stays, with all logs (the servers end)

It writes to a folder of its own in /tmp, which it removes, to the cache, and to build/ in
this tree. Exit status: 0 as told, 1 something was not so, 2 something is missing.
"""


def parse(words):
    """The options."""
    parser = argparse.ArgumentParser(
        prog="tests/demo", description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true",
                        help="leave everything running, and say what to try")
    parser.add_argument("--kubeconfig", metavar="FILE",
                        help="use the cluster of this kubeconfig, and start none")
    parser.add_argument("--end", metavar="FOLDER", help="end what a run with --keep has left")
    options = parser.parse_args(words)
    if options.end and (options.keep or options.kubeconfig):
        parser.error("--end stands alone")
    if options.kubeconfig:
        options.kubeconfig = str(Path(options.kubeconfig).resolve())
        if not os.access(options.kubeconfig, os.R_OK):
            parser.error(f"--kubeconfig: {options.kubeconfig} cannot be read")
    return options


def tell_story(teller, options):
    """Everything from the packages to the table; returns the exit status."""
    teller.title("limpet: a signed push reaches a real cluster")
    teller.chapter("What is needed")
    if not options.kubeconfig:
        needed.go(teller)
    needed.packages(teller)
    needed.limpet(teller)
    if not options.kubeconfig:
        needed.control_plane(teller)

    # Only now: these need PyYAML, which comes with the packages.
    from story import chapters, kept
    from story.stage import Stage
    from support.processes import scratch_folder

    folder = scratch_folder("limpet-demo-")
    stage = Stage(teller, folder, options.kubeconfig, options.keep)
    left = False
    try:
        teller.chapter("The stage")
        chapters.the_stage(stage)
        for number, (title, chapter) in enumerate(chapters.CHAPTERS, 1):
            teller.chapter(f"{number}. {title}")
            chapter(stage)
        teller.table("It happened as it is told")
        teller.say(stage.memory)
        if options.keep:
            kept.prepare(stage)
            kept.what_to_try(stage)
            left = True
        return 0
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001: whatever it is, it is told with the evidence
        teller.failure(f"{type(error).__name__}: {error}")
        for title, text in stage.evidence():
            teller.chapter(title)
            teller.output(text)
        left = options.keep
        if left or os.environ.get("LIMPET_TEST_KEEP"):
            teller.say(f"All logs: {folder}/*/*.log")
        else:
            teller.say("Run it with --keep, or with LIMPET_TEST_KEEP=1, to look into the logs.")
        return 1
    finally:
        if left:
            kept.write_record(stage)
            stage.leave()
            kept.how_to_end(stage, DEMO)
        else:
            stage.close()


def main():
    """Returns the exit status."""
    options = parse(sys.argv[1:])
    teller = Teller()

    def interrupted(*_):
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        if options.end:
            from story import kept
            kept.end(options.end, teller)
            return 0
        return tell_story(teller, options)
    except KeyboardInterrupt:
        teller.say("Interrupted: what was started has been ended and removed.")
        return 130
    except needed.CannotGoOn as error:
        teller.failure(str(error))
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
