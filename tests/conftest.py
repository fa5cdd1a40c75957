# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests and the benches: real servers once a session, and one
site for each test.

`site` is what most tests want: a repository with a key, pushed to a real Git server, a
configured limpet, and a real cluster with a prefix of the test's own.
"""

import os
import secrets
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.controlplane import ControlPlane, ExternalCluster  # noqa: E402
from support.gitserver import GitServer  # noqa: E402
from support.processes import scratch_folder  # noqa: E402
from support.site import Site  # noqa: E402


def pytest_configure(config):
    """tmp_path lies in a folder with a short name, which goes whatever happens: the path
    of a Unix socket is limited to 107 bytes. So does each worker of pytest-xdist, for itself."""
    if config.option.basetemp is None or hasattr(config, "workerinput"):
        config.option.basetemp = str(scratch_folder() / "t")


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    """The session's folder, for the servers."""
    return Path(tmp_path_factory.getbasetemp()).parent


@pytest.fixture(scope="session")
def own_controlplane(scratch):
    """A control plane of our own, for tests that restart or freeze the API server."""
    with ControlPlane(scratch / "cp", audit=True) as plane:
        yield plane


@pytest.fixture(scope="session")
def controlplane(request, scratch):
    """The cluster: LIMPET_TEST_KUBECONFIG's, or a control plane of our own."""
    kubeconfig = os.environ.get("LIMPET_TEST_KUBECONFIG")
    if kubeconfig:
        folder = scratch / "external"
        folder.mkdir()
        return ExternalCluster(kubeconfig, folder)
    return request.getfixturevalue("own_controlplane")


@pytest.fixture(scope="session")
def gitserver(scratch):
    """The Git server."""
    with GitServer(scratch / "git") as server:
        yield server


def _site(tmp_path, gitserver, cluster):
    prefix = f"e2e-{secrets.token_hex(3)}"
    site = Site(tmp_path, prefix, gitserver, cluster)
    yield site
    site.limpet.close()
    gitserver.reset()
    # On a cluster of our own nobody minds what is still going; on another's we wait.
    cluster.remove_all(prefix, wait=not cluster.can_restart)


@pytest.fixture
def site(tmp_path, gitserver, controlplane):
    """A fresh Site on the session's cluster."""
    yield from _site(tmp_path, gitserver, controlplane)


@pytest.fixture
def site_on_own_cluster(tmp_path, gitserver, own_controlplane):
    """A fresh Site on a control plane of our own, also when the others run on a k3s."""
    yield from _site(tmp_path, gitserver, own_controlplane)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what limpet and the servers have logged."""
    report = (yield).get_result()
    if report.when != "call" or not report.failed:
        return
    for name in ("site", "site_on_own_cluster"):
        if name in item.funcargs:
            for title, text in item.funcargs[name].evidence():
                report.sections.append((title, text))
