# SPDX-License-Identifier: Apache-2.0
"""The main road: a signed push reaches the cluster, and only such a push."""

from support.sitefiles import keys, small_site
from support.told import is_applied, source, wait_applied, wait_refused
from support.waiting import wait_until


def image_of_the_tills(site):
    return site.get("Deployment", "pos")["spec"]["template"]["spec"]["containers"][0]["image"]


def test_one_sync_brings_a_signed_commit_into_the_cluster(site):
    commit = site.publish_demo()

    result = site.limpet.run("sync")

    assert result.code == 0, result.err
    assert site.missing(keys(site.demo_files())) == []
    assert is_applied(site.limpet.status(), commit)


def test_a_second_sync_changes_nothing(site):
    commit = site.publish_demo()
    site.limpet.ok("sync")
    before = site.get("ConfigMap", "pos")["metadata"]["resourceVersion"]

    site.limpet.ok("sync")

    assert site.get("ConfigMap", "pos")["metadata"]["resourceVersion"] == before
    assert is_applied(site.limpet.status(), commit)


def test_everything_is_applied_again_at_its_interval_though_polls_come_more_often(site):
    site.limpet.config["cluster"]["reconcile"] = "4s"
    site.limpet.write_config()
    commit = site.repo.publish(small_site(site.prefix))
    site.limpet.start()
    wait_applied(site, commit)

    site.cluster.api.delete("ConfigMap", "till-1", site.namespace)

    wait_until(lambda: site.get("ConfigMap", "till-1"), "the till to come back", 15)


def test_a_backoff_of_polls_ends_though_everything_is_applied_more_often(site):
    """A lasting outage makes the backoff longer than the interval of applying."""
    site.limpet.config["cluster"]["reconcile"] = "1s"
    site.limpet.write_config()
    site.limpet.start()
    commit = site.repo.publish(small_site(site.prefix))
    wait_applied(site, commit)
    site.server.stop()
    site.limpet.wait_status(lambda s: source(s)["failedPolls"] >= 2, "two failed polls")
    site.server.start()
    second = site.repo.publish(small_site(site.prefix, version="2"))

    wait_applied(site, second)


def test_the_story_of_the_demo(site):
    """Converge, change and prune, refuse, live without Git, roll back, survive a power cut."""
    files = site.demo_files()
    first = site.publish_demo()
    site.limpet.start()
    wait_applied(site, first)
    assert site.missing(keys(files)) == []
    assert len(keys(files)) >= 25 and len({key.kind for key in keys(files)}) >= 10

    # A second push changes an image and deletes two objects, which are pruned.
    gone = keys({"sync/jobs.yaml": files["sync/jobs.yaml"]})
    kept = set(keys(files)) - set(gone)
    site.repo.write(site.demo_files(image_tag="4.3.0"))
    site.repo.remove("sync/jobs.yaml")
    second = site.repo.publish(message="A new till, and the jobs go")
    wait_applied(site, second)
    assert image_of_the_tills(site).endswith(":4.3.0")
    wait_until(lambda: site.missing(gone) == gone, "the removed objects to be pruned")
    assert site.missing(kept) == []

    # An unsigned push, and one by a stranger, are refused by name; nothing changes.
    site.repo.write(site.demo_files(image_tag="6.6.6"))
    unsigned = site.repo.publish(message="Nobody signed this", sign=False)
    told = wait_refused(site, unsigned)
    assert (told["verdict"], told["tip"]) == ("unsigned", True)
    site.repo.reset(second)
    site.repo.write(site.demo_files(image_tag="6.6.7"))
    mallory = site.stranger()
    strange = site.repo.publish(message="Trust me", key=mallory)
    told = wait_refused(site, strange)
    assert told["verdict"] == "unknown-signer" and mallory.fingerprint in told["reason"]
    assert image_of_the_tills(site).endswith(":4.3.0")
    assert is_applied(site.limpet.status(), second)

    # The Git server is stopped; the first revision comes back from the device alone.
    site.server.stop()
    site.limpet.ok("rollback", first[:10])
    assert image_of_the_tills(site).endswith(":4.2.0")
    assert site.missing(keys(files)) == []
    status = site.limpet.status()
    assert is_applied(status, first) and source(status)["pinned"]["commit"] == first

    # SIGKILL, the namespace deleted by hand, a start without Git: all comes back from SQLite.
    site.limpet.kill()
    uid = site.cluster.api.get("Namespace", site.namespace)["metadata"]["uid"]
    site.cluster.api.delete("Namespace", site.namespace)
    site.limpet.start()

    def is_back():
        namespace = site.cluster.api.get("Namespace", site.namespace)
        return namespace and namespace["metadata"]["uid"] != uid and not site.missing(keys(files))

    wait_until(is_back, "the site to come back", 300, 0.3)
    status = wait_applied(site, first)
    assert status["health"] == "degraded", "a pinned device without Git is no healthy one"
    assert image_of_the_tills(site).endswith(":4.2.0")
    assert site.limpet.stop() == 0
