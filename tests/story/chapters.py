# SPDX-License-Identifier: Apache-2.0
"""The story, one function a chapter. Each takes the Stage, does what it tells, looks at the
real API server, and raises when something is not so."""

import json
from collections import Counter

from support import pss
from support.sitefiles import keys
from support.told import is_applied, source, wait_applied, wait_refused
from support.waiting import wait_until

FIRST_IMAGE, SECOND_IMAGE = "4.2.0", "4.3.0"
DELETED = "sync/network-policy.json"


class NotSo(AssertionError):
    """The story did not happen as it is told."""


def the_stage(stage):
    """The servers, a key, a repository."""
    tell = stage.teller
    stage.start_cluster()
    with tell.step("Git server") as step:
        stage.start_server()
        step.label = f"Git server: nginx with TLS and git http-backend at {stage.server.url}"
    with tell.step("a key of ssh-keygen, a site repository, a device that trusts the key"):
        stage.make_site()
        stage.site.repo.write(stage.site.demo_files())
    manifests = keys(stage.site.demo_files())
    tell.fact(f"{len(manifests)} objects of {len({key.kind for key in manifests})} kinds in"
              f" {stage.site.repo.root}. Only {stage.site.key.principal} may sign:"
              f" {stage.site.key.fingerprint}. The device polls every second, so that nobody"
              " waits; in the field that is every 5 minutes.")


def a_signed_push(stage):
    """The site converges."""
    tell, site = stage.teller, stage.site
    stage.work("git add --all && git commit -q -S -m 'Open the shop'")
    stage.work("git push -q origin site/demo")
    stage.first = site.repo.tip()
    tell.command("limpet run")
    with tell.step("polled, verified, rendered, stored, applied") as step:
        stage.start_limpet()
        wait_applied(site, stage.first, 60)
        wanted = keys(site.demo_files())
        expect(not site.missing(wanted), f"these objects are missing: {site.missing(wanted)}")
        step.label = f"converged: all {len(wanted)} objects are in the cluster"
    tell.fact(_by_kind(wanted))
    if not stage.is_ours:
        tell.fact("Their images are made up: on a real node the pods wait for them, and whether"
                  " the Deployment becomes Available is not looked at.")
    _wait_available(stage, FIRST_IMAGE)


def a_second_push(stage):
    """An image changes, an object goes."""
    tell, site = stage.teller, stage.site
    uids = _uids(site, keys(site.demo_files()))
    gone = keys({DELETED: site.demo_files()[DELETED]})
    stage.work(f"sed -i s/pos:{FIRST_IMAGE}/pos:{SECOND_IMAGE}/ pos/point-of-sale.yaml")
    stage.work(f"git rm -q {DELETED}")
    stage.work("git commit -q -S -a -m 'A new till; the tills need no policy'")
    stage.work("git push -q origin site/demo")
    stage.second = site.repo.tip()
    with tell.step(f"the Deployment pos runs shop/pos:{SECOND_IMAGE}"):
        wait_applied(site, stage.second)
        expect(_image(site).endswith(f":{SECOND_IMAGE}"), f"the image is {_image(site)}")
    with tell.step(f"pruned: {', '.join(_name(key) for key in gone)}"):
        wait_until(lambda: site.missing(gone) == gone, f"{gone} to be pruned")
    kept = [key for key in uids if key not in gone]
    expect(_uids(site, kept) == {key: uids[key] for key in kept},
           "an object that should stay has been deleted or made anew")
    tell.fact(f"The other {len(kept)} objects are the same as before, by uid.")
    _wait_available(stage, SECOND_IMAGE)


def pushes_that_are_refused(stage):
    """Unsigned, and by a stranger: refused by name, and nothing changes."""
    tell, site = stage.teller, stage.site
    before = _picture(site)
    stage.work(f"sed -i s/pos:{SECOND_IMAGE}/pos:6.6.6/ pos/point-of-sale.yaml")
    stage.work("git commit -q -a -m 'Nobody signed this'")
    stage.work("git push -q origin site/demo")
    _refused(stage, "unsigned")
    stage.work(f"git reset -q --hard {stage.second[:10]}")
    stranger = site.stranger()
    stage.work(f"sed -i s/pos:{SECOND_IMAGE}/pos:6.6.7/ pos/point-of-sale.yaml")
    stage.work(f"git -c user.signingkey={stranger.path} commit -q -S -a -m 'Trust me'")
    stage.work("git push -q -f origin site/demo")
    told = _refused(stage, "unknown-signer")
    expect(stranger.fingerprint in told["reason"], f"the stranger is not named: {told['reason']}")
    with tell.step("nothing has changed") as step:
        after = _picture(site)
        expect(after == before, f"before: {before}\nafter: {after}")
        expect(is_applied(site.limpet.status(), stage.second), "the second revision is not applied")
        step.label = f"nothing has changed: {len(before)} objects, each as it was"


def rollback_without_git(stage):
    """The Git server is stopped; the first revision comes back."""
    tell, site = stage.teller, stage.site
    with tell.step("the Git server is stopped"):
        stage.server.stop()
    stage.limpet("rollback")
    wanted = keys(site.demo_files())
    with tell.step("looking at the cluster") as step:
        expect(_image(site).endswith(f":{FIRST_IMAGE}"), f"the image is {_image(site)}")
        expect(not site.missing(wanted), f"these objects are missing: {site.missing(wanted)}")
        status = site.limpet.status()
        expect(is_applied(status, stage.first), "the first revision is not applied")
        expect(source(status)["pinned"]["commit"] == stage.first, "it is not pinned")
        step.label = (f"the first revision is back: shop/pos:{FIRST_IMAGE}, and"
                      f" {_name(keys({DELETED: site.demo_files()[DELETED]})[0])}")
    _wait_available(stage, FIRST_IMAGE)


def power_cut(stage):
    """SIGKILL, the namespace gone, a start without Git: all of it comes back from SQLite."""
    tell, site = stage.teller, stage.site
    wanted = keys(site.demo_files())
    old = site.cluster.api.get("Namespace", site.namespace)["metadata"]["uid"]
    pids = site.limpet.pids()
    with tell.step(f"SIGKILL to limpet and its roles, {len(pids)} processes at once"):
        site.limpet.kill()
    with tell.step(f"somebody deletes the namespace {site.namespace}") as step:
        site.cluster.api.delete("Namespace", site.namespace)
        site.cluster.wait_gone("Namespace", site.namespace, timeout=120)
        lost = site.missing(wanted)
        step.label += f": {len(lost)} objects are gone"
    expect(len(lost) > len(wanted) / 2, f"only these are gone: {lost}")
    tell.command("limpet run")
    with tell.step("everything comes back from the device's SQLite file, without Git") as step:
        stage.start_limpet()
        wait_until(lambda: not site.missing(wanted), "the objects to come back", 90,
                   abort=site.limpet.daemon.check)
        wait_applied(site, stage.first)
        step.label = f"all {len(wanted)} objects are back from the device's SQLite file, no Git"
    new = site.cluster.api.get("Namespace", site.namespace)["metadata"]["uid"]
    expect(new != old, "the namespace was never gone")
    expect(_image(site).endswith(f":{FIRST_IMAGE}"), f"the image is {_image(site)}")
    _wait_available(stage, FIRST_IMAGE)


def the_end(stage):
    """What limpet says of itself, and what it costs."""
    tell, site = stage.teller, stage.site
    stage.limpet("status", exit_code=1)
    tell.say("Degraded (exit status 1), for the reasons that it names: the site runs, but Git is"
             " away.")
    pids = site.limpet.pids()
    kib = sum(pss.pss(pid) for pid in pids)
    objects = source(site.limpet.status())["inventory"]
    stage.memory = (f"limpet: {len(pids)} processes, {kib / 1024:.1f} MiB of memory (PSS of all),"
                    f" for {objects} objects" if kib else
                    "limpet's memory: not to be read but by root, as its processes wish")


CHAPTERS = (
    ("A signed push reaches the cluster", a_signed_push),
    ("A second push changes an image and deletes an object", a_second_push),
    ("Pushes that nobody trusted has signed", pushes_that_are_refused),
    ("Git is away, and the site rolls back", rollback_without_git),
    ("The power fails, and a namespace is lost", power_cut),
    ("How it is now", the_end),
)


# --- looking ------------------------------------------------------------------------------

def expect(holds, otherwise):
    """Raises NotSo with what was found instead."""
    if not holds:
        raise NotSo(otherwise)


def _name(key):
    return f"{key.kind.partition('.')[0]} {key.name}"


def _by_kind(wanted):
    counts = Counter(key.kind.partition(".")[0] for key in wanted)
    return ", ".join(kind if count == 1 else f"{kind} ({count})"
                     for kind, count in sorted(counts.items()))


def _image(site):
    return site.get("Deployment", "pos")["spec"]["template"]["spec"]["containers"][0]["image"]


def _uids(site, wanted):
    return {key: site.get(*_where(key))["metadata"]["uid"] for key in wanted}


def _where(key):
    return (key.kind, key.name, key.namespace)


def _picture(site):
    """The objects as they were asked for: without what controllers and the server note."""
    picture = {}
    for key in keys(site.demo_files()):
        found = site.get(*_where(key))
        if found:
            found.pop("status", None)
            for noted in ("resourceVersion", "managedFields"):
                found["metadata"].pop(noted, None)
        picture[key] = json.dumps(found, sort_keys=True)
    return {key: text for key, text in picture.items() if text != "null"}


def _wait_available(stage, tag):
    """The node of the control plane plays at running pods; a real one cannot pull images that
    nobody has made, which chapter one tells."""
    if not stage.is_ours:
        return

    def is_out():
        found = stage.site.get("Deployment", "pos")
        status, replicas = found.get("status", {}), found["spec"]["replicas"]
        return (status.get("observedGeneration") == found["metadata"]["generation"]
                and status.get("updatedReplicas") == status.get("availableReplicas")
                == status.get("replicas") == replicas
                and any(c["type"] == "Available" and c["status"] == "True"
                        for c in status.get("conditions", [])) and replicas)

    with stage.teller.step("Deployment pos becomes Available") as step:
        replicas = wait_until(is_out, "Deployment pos to be Available", 60, 0.1)
        step.label = f"Deployment pos is Available: {replicas} pods of shop/pos:{tag}"


def _refused(stage, verdict):
    """Waits until the tip is refused with that verdict, and shows the line of the status."""
    site = stage.site
    commit = site.repo.tip()
    with stage.teller.step(f"refused: {verdict}"):
        told = wait_refused(site, commit)
    expect(told["verdict"] == verdict, f"the verdict is {told['verdict']}: {told['reason']}")
    stage.teller.command("limpet status | grep refused -A9")
    lines = site.limpet.run("status").out.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("  refused"))
    stage.teller.output("\n".join(lines[first:]))
    return told
