# SPDX-License-Identifier: Apache-2.0
"""The watches of the cluster role against a server that answers what no real one can be made to
answer: busy, broken and hostile."""

import pytest

from support.clusterrole import ClusterRole
from support.fakewatch import FakeWatch
from support.limits import limit
from support.waiting import wait_until

MAPS, SECRETS = "/api/v1/configmaps", "/api/v1/secrets"


@pytest.fixture
def fake(tmp_path):
    """A FakeWatch."""
    with FakeWatch(tmp_path) as fake:
        yield fake


@pytest.fixture
def role(fake):
    """A connected role."""
    with ClusterRole(fake.kubeconfig, "site", request_ms=5000) as role:
        assert role.connect()["event"] == "done"
        yield role


def test_another_order_ends_what_it_does_not_name_and_keeps_what_it_does(fake, role):
    role.watch("ConfigMap", "Secret", timeout_ms=3000)
    role.wait_seen(sighting="end", kind="ConfigMap")
    role.wait_seen(sighting="end", kind="Secret")
    maps, secrets = len(fake.of(MAPS)), len(fake.of(SECRETS))
    mark = role.watch("Secret", timeout_ms=3000)
    wait_until(lambda: len(fake.of(SECRETS)) == secrets + 2, "two renewals")

    assert len(fake.of(MAPS)) == maps, "it is not watched any more"
    assert not any(a.fills for a in fake.of(SECRETS)[secrets:]) and not role.seen(mark), "it went on"


def test_orders_of_other_kinds_again_and_again_need_no_more_room(role):
    most = limit("LP_WATCHES_MAX")
    for n in range(4):
        role.watch(*(f"Kind{n}.g{i}.example" for i in range(most - 1)), "Secret")
    role.wait_seen(sighting="end", kind="Secret")
    assert role.connect()["event"] == "done"
