# SPDX-License-Identifier: Apache-2.0
"""Many objects of 12 kinds in 4 namespaces: what the benches have limpet apply and keep."""

import yaml

from support.sitefiles import synthetic

NAMESPACES = 4
OTHERS = {
    "ServiceAccount": {"apiVersion": "v1"},
    "LimitRange": {"apiVersion": "v1", "spec": {"limits": [{"type": "Pod", "max": {"cpu": "2"}}]}},
    "RoleBinding": {"apiVersion": "rbac.authorization.k8s.io/v1", "subjects": [
        {"kind": "User", "name": "joe", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "Role", "name": "item-00004", "apiGroup": "rbac.authorization.k8s.io"}},
    "NetworkPolicy": {"apiVersion": "networking.k8s.io/v1", "spec": {"podSelector": {}}},
    "PodDisruptionBudget": {"apiVersion": "policy/v1", "spec": {
        "maxUnavailable": 1, "selector": {"matchLabels": {"app": "x"}}}},
    "CronJob": {"apiVersion": "batch/v1", "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {
        "template": {"spec": {"restartPolicy": "Never", "containers": [
            {"name": "main", "image": "registry.example.com/bench/app:1"}]}}}}}},
}
KINDS = ["Namespace", "ConfigMap", "Secret", "Service", "Role", "Deployment", *OTHERS]


def namespaces(prefix):
    """The four of this prefix."""
    return [f"{prefix}-bench-{number}" for number in range(NAMESPACES)]


def many(count, prefix, with_namespaces=True):
    """`count` manifests, a quarter of them for each namespace; the Namespaces come first in their
    quarters and count. Without them they must be there."""
    made = []
    for namespace in namespaces(prefix):
        made += synthetic(count // NAMESPACES - len(OTHERS), prefix, namespace=namespace,
                          with_namespace=with_namespaces)
        made += [{"kind": kind, "metadata": {"name": "other", "namespace": namespace}, **rest}
                 for kind, rest in OTHERS.items()]
    return made


def many_files(count, prefix, with_namespaces=True, per_file=10):
    """The same as {path: YAML}, `per_file` objects a file."""
    made = many(count, prefix, with_namespaces)
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the other takes ten times as long
    return {f"objects-{start:04}.yaml":
            yaml.dump_all(made[start:start + per_file], Dumper=dumper, sort_keys=False)
            for start in range(0, len(made), per_file)}


def published(repo):
    """The manifests in the work tree of a SiteRepo."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [manifest for file in sorted(repo.root.glob("*.yaml"))
            for manifest in yaml.load_all(file.read_text(), loader)]
