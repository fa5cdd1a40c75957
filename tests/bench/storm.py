# SPDX-License-Identifier: Apache-2.0
"""A storm of edits by two other managers: a person at kubectl, who overwrites fields of the revision
and adds fields, and an operator, which keeps a note of its own on each object and every second time
overwrites a field of the revision."""

import base64
import random
import threading
import time

from support.kubeapi import KubeApi

CONNECTIONS = 4     # of each manager, so that a slow answer does not slow it down
NOTE = "example.com/note"               # of the revision; see support/sitefiles.py
OPERATORS_NOTE = "mesh.example.com/seen"  # of nobody but the operator


def overwritten(manifest, text):
    """A merge patch that overwrites a field of the revision, or {} when this has none to spare."""
    if manifest["kind"] == "ConfigMap":
        return {"data": {"settings.conf": text}}
    if manifest["kind"] == "Secret":
        return {"data": {"token": base64.b64encode(text.encode()).decode()}}
    if NOTE in manifest["metadata"].get("annotations", {}):
        return {"metadata": {"annotations": {NOTE: text}}}
    return {}


def by_kubectl(manifest, number):
    patch = overwritten(manifest, f"by hand {number}")
    patch.setdefault("metadata", {})["labels"] = {"edited": str(number)}
    return patch


def by_an_operator(manifest, number):
    patch = overwritten(manifest, f"by the operator {number}") if number % 2 else {}
    patch.setdefault("metadata", {}).setdefault("annotations", {})[OPERATORS_NOTE] = str(number)
    return patch


class Manager(threading.Thread):
    """One connection of a manager: patches objects at random, `rate` of them a second, for `seconds`."""

    def __init__(self, cluster, name, edit, manifests, rng, rate, seconds):
        super().__init__(daemon=True)
        self.manager, self.edit, self.manifests, self.rng = name, edit, manifests, rng
        self.rate, self.seconds = rate, seconds
        self.api = KubeApi(cluster.kubeconfig)
        self.edits, self.took, self.error = 0, 0, None

    def run(self):
        start = time.monotonic()
        try:
            while self.edits < self.rate * self.seconds:
                time.sleep(max(0, start + self.edits / self.rate - time.monotonic()))
                manifest = self.rng.choice(self.manifests)
                meta = manifest["metadata"]
                self.api.patch(manifest["kind"], meta["name"], self.edit(manifest, self.edits),
                               meta.get("namespace"), manager=self.manager)
                self.edits += 1
        except Exception as error:  # pylint: disable=broad-except
            self.error = error
        self.took = time.monotonic() - start
        self.api.close()


def storm(cluster, manifests, rng, rate, seconds):
    """`rate` edits a second by both together; returns the edits and the seconds that they took."""
    managers = [Manager(cluster, name, edit, manifests, random.Random(rng.random()),
                        rate / 2 / CONNECTIONS, seconds)
                for name, edit in (("kubectl-edit", by_kubectl), ("mesh-operator", by_an_operator))
                for _ in range(CONNECTIONS)]
    for manager in managers:
        manager.start()
    for manager in managers:
        manager.join()
        if manager.error:
            raise manager.error
    return sum(manager.edits for manager in managers), max(manager.took for manager in managers)


def _within(wished, there):
    """Whether what is there has all that is wished."""
    if isinstance(wished, dict):
        return isinstance(there, dict) and all(
            key in there and _within(value, there[key]) for key, value in wished.items())
    if isinstance(wished, list):
        return isinstance(there, list) and len(wished) == len(there) and all(map(_within, wished, there))
    return wished == there


def is_healed(manifest, live):
    """Whether an object has every field of the revision and nothing that kubectl has added."""
    wished = {key: value for key, value in manifest.items() if key != "stringData"}
    for key, text in manifest.get("stringData", {}).items():
        wished.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()
    return _within(wished, live) and "edited" not in live["metadata"].get("labels", {})
