# SPDX-License-Identifier: Apache-2.0
"""The commands of packaging/README.md that take limpet's work out of a cluster, or leave it there
as nobody's: they are read from that page and run by a shell with the real kubectl."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from support.sitefiles import keys, small_site
from support.waiting import wait_until

PAGE = Path(__file__).resolve().parent.parent.parent / "packaging" / "README.md"
LABEL = "applyset.kubernetes.io/part-of"


def blocks():
    """The blocks of commands under "From the cluster": find, remove, keep, then."""
    text = PAGE.read_text().split("From the cluster", 1)[1]
    found = re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    assert len(found) == 4
    return found


def shell(site, *commands):
    """Runs them one after the other, for this site's parent instead of the page's."""
    script = "".join(commands).replace("namespace=limpet-system", f"namespace={site.prefix}-limpet", 1)
    kubectl = Path(site.cluster.programs) / "kubectl"
    return subprocess.run(["sh", "-eu"], input=script, text=True, check=True, capture_output=True,
                          env={"PATH": f"{kubectl.parent}:{os.environ['PATH']}", "HOME": str(site.folder),
                               "KUBECONFIG": str(site.cluster.kubeconfig), "KUBERC": "off"}).stdout


def converged(site, files):
    commit = site.repo.publish(files, "What will be left")
    site.limpet.start()
    site.limpet.wait_status(lambda status: (status["sources"][0]["applied"] or {}).get("commit") == commit
                            and status["sources"][0]["applied"]["state"] == "applied", "it to be applied", 90)
    assert site.limpet.stop() == 0


def own_namespace_is_gone(site):
    return wait_until(lambda: site.cluster.api.get("Namespace", f"{site.prefix}-limpet", None) is None,
                      "limpet's namespace to be gone", 60)


def test_the_page_removes_everything_that_was_applied(site):
    files = site.demo_files()
    converged(site, files)
    assert not site.missing(keys(files))
    find, remove, _, then = blocks()

    listed = shell(site, find, remove, then)

    assert f"namespace/{site.prefix}-shop" in listed
    wait_until(lambda: len(site.missing(keys(files))) == len(keys(files)), "everything to be gone", 60)
    own_namespace_is_gone(site)


def test_the_page_leaves_everything_as_nobodys(site):
    files = small_site(site.prefix)
    converged(site, files)
    find, _, keep, then = blocks()

    shell(site, find, keep, then)

    own_namespace_is_gone(site)
    assert not site.missing(keys(files))
    for key in keys(files):
        live = site.cluster.api.get(key.kind, key.name, key.namespace or site.namespace)
        assert LABEL not in live["metadata"].get("labels", {}), key


def test_a_parent_that_is_not_there_stops_the_page_before_it_deletes(site):
    find, remove, _, _ = blocks()
    with pytest.raises(subprocess.CalledProcessError) as error:
        shell(site, find, remove)
    assert "not found" in error.value.stderr and "deleted" not in error.value.stdout
