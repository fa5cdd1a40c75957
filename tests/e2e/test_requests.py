# SPDX-License-Identifier: Apache-2.0
"""`limpet status` tells how many requests the API server had of us; the audit log says the same."""

import json
import os
import signal
import time
from collections import Counter

import pytest

from support.sitefiles import small_site
from support.told import source, wait_applied, wait_idle
from support.waiting import wait_until

KIND = {"get": "reads", "list": "reads", "watch": "watches"}


@pytest.fixture
def site(site_on_own_cluster):
    """A site that watches what it has applied, whose limpet is a user of its own."""
    site = site_on_own_cluster
    site.user = f"{site.prefix}-edge"
    kubeconfig = site.cluster.make_user(site.user, ["system:masters"])
    site.limpet.config["cluster"].update(kubeconfig=str(kubeconfig), watchTimeout="5s")
    site.limpet.write_config()
    site.limpet.start()
    wait_applied(site, site.repo.publish(small_site(site.prefix), "Version 1"))
    site.limpet.wait_status(lambda s: source(s)["drift"]["watching"], "all to be watched")
    return site


def asked(site, mark=0):
    """The requests since `mark`, as the API server counts them."""
    return Counter(KIND.get(e["verb"], "writes") for e in site.cluster.requests(site.user)[mark:])


def told(site):
    return site.limpet.status()["cluster"]["requests"]


def agree(site, mark=0):
    """Waits until both say the same, with the kinds apart; returns what they say."""
    def same():
        said, counted = told(site), asked(site, mark)
        assert said["total"] == sum(counted.values()), (said, counted)
        return all(said[kind] == counted[kind] for kind in ("writes", "reads", "watches"))

    wait_until(same, "the counts to agree", 40, 0.3)
    return told(site)


def test_the_figure_is_that_of_the_audit_log(site):
    first = agree(site)
    assert first["writes"] >= 5 and first["reads"] >= 3 and first["watches"] >= 2, first
    assert 0 < first["sinceSeconds"] < 120

    # A heal, which looks and writes; a push; and watches that are renewed.
    site.cluster.kubectl("patch", "configmap", "till-1", "-n", site.namespace, "--type=merge",
                         "-p", json.dumps({"data": {"version": "666"}}),
                         "--field-manager=kubectl-patch")
    wait_until(lambda: site.get("ConfigMap", "till-1")["data"] == {"version": "1"}, "the heal", 5)
    wait_applied(site, site.repo.publish(small_site(site.prefix, version="2"), "Version 2"))
    wait_idle(site)
    renewed = asked(site)["watches"]
    wait_until(lambda: asked(site)["watches"] >= renewed + 4, "renewals", 20)
    second = agree(site)
    assert all(second[kind] > first[kind] for kind in ("writes", "reads", "watches")), second

    shown = site.limpet.run("status").out
    line = next(line for line in shown.splitlines() if line.startswith("requests "))
    assert " to the API server in the " in line and "min since its start: " in line, line
    assert line.endswith(" watches") and f"{second['writes']} writes" in line, line


def test_a_restart_of_the_daemon_counts_anew_and_one_of_the_role_goes_on(site):
    before = agree(site)
    role = site.limpet.status()["daemon"]["roles"]["cluster"]
    os.kill(role, signal.SIGKILL)  # what it has not told, of a second at most, is lost
    status = site.limpet.wait_status(lambda s: s["daemon"]["roles"].get("cluster", role) != role
                                     and source(s)["drift"]["watching"], "another role", 60)
    assert status["cluster"]["requests"]["total"] > before["total"]

    site.limpet.kill()
    time.sleep(1)  # the last that it asked is in the audit log
    mark = len(site.cluster.requests(site.user))
    assert "cluster" not in site.limpet.json("status"), "who does not run knows nothing of it"
    site.limpet.start()
    wait_idle(site)

    agree(site, mark)
