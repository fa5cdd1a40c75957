# SPDX-License-Identifier: Apache-2.0
"""Controllers copy the labels of an object onto what they make of it, ours as well: that is no
reason to delete it."""

from support.sitefiles import small_site
from support.told import wait_applied
from support.waiting import wait_until

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: tills
  namespace: {shop}
spec:
  selector:
    app: tills
  ports:
  - port: 80
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: by-hand
  namespace: {shop}
  labels:
    kubernetes.io/service-name: elsewhere
addressType: IPv4
endpoints: []
ports: []
"""


def slices_of_the_service(site):
    """The slices that the controller has made for the Service, as {name: uid}."""
    found = site.cluster.api.list("EndpointSlice", site.namespace,
                                  "kubernetes.io/service-name=tills")
    return {slice["metadata"]["name"]: slice["metadata"]["uid"] for slice in found}


def test_the_slices_of_a_service_outlive_a_lost_store(site):
    files = {**small_site(site.prefix), "service.yaml": SERVICE.format(shop=site.namespace)}
    first = site.repo.publish(files)
    site.limpet.start()
    wait_applied(site, first)
    wait_until(lambda: slices_of_the_service(site), "the controller to make a slice")
    made = slices_of_the_service(site)
    part_of = "applyset.kubernetes.io/part-of"
    assert part_of in site.get("EndpointSlice", next(iter(made)))["metadata"]["labels"]

    site.limpet.stop()
    for path in site.limpet.state_dir.glob("limpet.db*"):
        path.unlink()
    site.limpet.start()
    wait_applied(site, first)
    site.repo.remove("till-2.yaml")
    second = site.repo.publish({**small_site(site.prefix, tills=2, version="2")})
    wait_applied(site, second)
    wait_until(lambda: site.get("ConfigMap", "till-2") is None, "the removed till to be pruned")

    assert slices_of_the_service(site) == made
