# SPDX-License-Identifier: Apache-2.0
"""`limpet suspend`: nothing is polled or applied until `limpet resume`."""

import time

from support.sitefiles import small_site
from support.told import is_applied, source, wait_applied, wait_idle
from support.waiting import always, wait_until


def test_a_suspended_device_neither_polls_nor_applies_until_resume(site):
    first = site.repo.publish(small_site(site.prefix, version="1"))
    site.limpet.config["cluster"]["reconcile"] = "1s"
    site.limpet.write_config()
    site.limpet.start()
    wait_applied(site, first)

    site.limpet.ok("suspend")
    status = wait_idle(site)
    asked = len(site.server.requests(site.remote))
    second = site.repo.publish(small_site(site.prefix, version="2"))
    site.cluster.api.delete("ConfigMap", "till-1", site.namespace)

    assert source(status)["suspended"] and status["health"] == "degraded"
    assert any("limpet resume" in reason for reason in status["reasons"])
    always(lambda: len(site.server.requests(site.remote)) == asked
           and site.get("ConfigMap", "till-1") is None, "no poll and no apply", 3)

    site.limpet.ok("resume")

    status = wait_applied(site, second)
    assert not source(status)["suspended"]
    assert site.get("ConfigMap", "till-1")["data"]["version"] == "2"
    wait_until(lambda: len(site.server.requests(site.remote)) > asked + 2, "polls to go on")


def test_the_suspension_outlives_a_restart(site):
    first = site.repo.publish(small_site(site.prefix, version="1"))
    site.limpet.start()
    wait_applied(site, first)
    site.limpet.ok("suspend")
    site.limpet.kill()
    asked = len(site.server.requests(site.remote))
    second = site.repo.publish(small_site(site.prefix, version="2"))

    site.limpet.start()

    wait_idle(site)
    always(lambda: len(site.server.requests(site.remote)) == asked, "no poll", 2)
    assert is_applied(site.limpet.status(), first)
    site.limpet.ok("resume")
    wait_applied(site, second)


def test_suspend_and_resume_are_stored_when_no_daemon_runs(site):
    commit = site.repo.publish(small_site(site.prefix))
    site.limpet.ok("sync")

    assert "suspended" in site.limpet.ok("suspend").out
    assert source(site.limpet.status())["suspended"]
    refused = site.limpet.run("sync")
    assert refused.code != 0 and "limpet resume" in refused.err

    assert "resumed" in site.limpet.ok("resume").out
    assert not source(site.limpet.status())["suspended"]
    site.limpet.ok("sync")
    assert is_applied(site.limpet.status(), commit)


def test_sync_and_rollback_of_a_suspended_device_say_why_they_do_nothing(site):
    first = site.repo.publish(small_site(site.prefix))
    site.limpet.start()
    wait_applied(site, first)
    site.limpet.ok("suspend")

    for words in (("sync",), ("rollback", first)):
        result = site.limpet.run(*words)
        assert result.code != 0 and "suspended" in result.err and "limpet resume" in result.err
    assert source(site.limpet.status())["pinned"] is None


def test_a_suspension_ends_the_poll_under_way_and_what_it_would_bring(site):
    first = site.repo.publish(small_site(site.prefix, version="1"))
    site.limpet.start()
    wait_applied(site, first)
    site.server.freeze()
    site.limpet.wait_status(lambda status: source(status)["doing"] == "fetching", "a poll to hang")

    site.limpet.ok("suspend", timeout=10)

    wait_idle(site, 5)
    assert is_applied(site.limpet.status(), first)


def test_a_revision_that_is_judged_while_somebody_suspends_is_not_applied(site_on_own_cluster):
    site = site_on_own_cluster
    commit = site.repo.publish(small_site(site.prefix))
    site.cluster.freeze_apiserver()
    try:
        site.limpet.start()
        site.limpet.wait_status(lambda status: source(status)["doing"] == "learning",
                                "the kinds to be asked for")
        site.limpet.ok("suspend")
    finally:
        site.cluster.thaw_apiserver()

    site.limpet.wait_log(f"event=accepted .*{commit}")
    wait_idle(site)
    always(lambda: site.cluster.api.get("Namespace", site.namespace) is None, "no apply", 2)
    assert source(site.limpet.status())["suspended"]

    site.limpet.ok("resume")
    wait_applied(site, commit)


def test_a_suspension_for_a_time_ends_by_itself(site):
    first = site.repo.publish(small_site(site.prefix, version="1"))
    site.limpet.start()
    wait_applied(site, first)

    told = site.limpet.ok("suspend", "--for", "4s").out
    assert "4s" in told and "limpet resume" in told
    status = wait_idle(site)
    assert 1 <= source(status)["suspendedForSeconds"] <= 4
    assert " more, or until limpet resume" in site.limpet.run("status").out
    second = site.repo.publish(small_site(site.prefix, version="2"))
    assert site.limpet.run("sync").code != 0

    status = wait_applied(site, second, 12)
    assert not source(status)["suspended"] and "suspendedForSeconds" not in source(status)
    told = [event["message"] for event in site.limpet.json("events")["events"]
            if event["kind"] == "resumed"]
    assert told == ["the time of the suspension is over"]


def test_its_end_outlives_a_restart_and_comes_without_a_daemon_too(site):
    first = site.repo.publish(small_site(site.prefix, version="1"))
    site.limpet.start()
    wait_applied(site, first)
    site.limpet.ok("suspend", "--for", "1h")
    site.limpet.kill()
    site.limpet.start()
    wait_idle(site)
    assert 3500 < source(site.limpet.status())["suspendedForSeconds"] <= 3600
    site.limpet.ok("suspend")  # for ever, now
    assert "suspendedForSeconds" not in source(site.limpet.status())

    site.limpet.ok("suspend", "--for", "1s")
    site.limpet.kill()
    second = site.repo.publish(small_site(site.prefix, version="2"))
    wait_until(lambda: site.limpet.run("sync").code == 0, "the time to be over")
    assert is_applied(site.limpet.status(), second)


def test_no_time_is_taken_for_what_is_none(site):
    for words in ("soon", "0s", "10ms", "400d", ""):
        result = site.limpet.run("suspend", "--for", words)
        assert result.code == 2 and "--for" in result.err
    site.repo.publish(small_site(site.prefix))
    site.limpet.ok("sync")
    assert not source(site.limpet.status())["suspended"]


def test_a_suspended_device_that_starts_before_its_api_server_watches_once_that_is_there(
        site_on_own_cluster):
    site = site_on_own_cluster
    edge = site.cluster.make_user("edge", ["system:masters"], path=site.folder / "edge.kubeconfig")
    site.limpet.config["cluster"]["kubeconfig"] = str(edge)
    site.limpet.write_config()
    commit = site.repo.publish(small_site(site.prefix))
    site.limpet.start()
    wait_applied(site, commit)
    site.limpet.ok("suspend")
    site.limpet.stop()
    site.cluster.stop_apiserver()

    site.limpet.start()
    site.limpet.wait_status(lambda status: source(status)["doing"] == "idle" and
                            not status["cluster"]["reached"], "the API server to be given up", 60)
    site.cluster.start_apiserver()
    site.cluster.kubectl("patch", "configmap", "till-1", "-n", site.namespace, "--type=merge", "-p",
                         '{"data":{"version":"666"}}')

    site.limpet.wait_status(lambda status: source(status)["drift"]["watching"] and
                            source(status)["drift"]["differs"] == 1, "the report", 60)
    assert site.get("ConfigMap", "till-1")["data"] == {"version": "666"}
    asked = len(site.cluster.requests("edge"))
    time.sleep(8)
    assert len(site.cluster.requests("edge")) == asked, "what is watched is not tried again"
