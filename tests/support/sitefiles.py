# SPDX-License-Identifier: Apache-2.0
"""What the repositories of the tests and the demo hold: a shop's edge site, and any number
of synthetic objects for the benches."""

import hashlib
from typing import NamedTuple

import yaml


class Key(NamedTuple):
    """Which object: a kind, a namespace (None for a cluster-wide kind) and a name."""
    kind: str
    namespace: str
    name: str


def _files(p, image_tag):
    """The demo site as {path: YAML}; every name that the whole cluster sees begins with `p`."""
    shop, group = f"{p}-shop", f"{p}.example.com"
    return {
        "00-cluster.yaml": f"""\
# What the site brings to the whole cluster.
apiVersion: v1
kind: Namespace
metadata:
  name: {shop}
  labels:
    site-role: retail
---
apiVersion: v1
kind: Namespace
metadata:
  name: {p}-monitoring
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata:
  name: {p}-tills-first
value: 100000
globalDefault: false
description: The tills keep running when memory gets short.
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: cameras.{group}
spec:
  group: {group}
  scope: Namespaced
  names:
    kind: Camera
    listKind: CameraList
    plural: cameras
    singular: camera
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [stream]
            properties:
              stream:
                type: string
              fps:
                type: integer
                minimum: 1
                maximum: 60
              retentionDays:
                type: integer
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {p}-node-reader
rules:
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {p}-node-reader
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {p}-node-reader
subjects:
- kind: ServiceAccount
  name: exporter
  namespace: {p}-monitoring
""",
        "pos/point-of-sale.yaml": f"""\
# The tills: a web application and its database volume.
apiVersion: v1
kind: ServiceAccount
metadata:
  name: pos
  namespace: {shop}
automountServiceAccountToken: false
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: pos
  namespace: {shop}
data:
  currency: EUR
  receipt.txt: |
    Thank you for your visit.
    Open Mon-Sat 8:00-20:00
  # Every one of these is a string, whatever YAML 1.1 thinks.
  country: "NO"
  till-count: "4"
---
apiVersion: v1
kind: Secret
metadata:
  name: pos-database
  namespace: {shop}
type: Opaque
stringData:
  username: pos
  password: not-a-real-one
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: pos-journal
  namespace: {shop}
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: 1Gi
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: pos
  namespace: {shop}
  labels: &labels
    app: pos
spec:
  replicas: 2
  selector:
    matchLabels: *labels
  template:
    metadata:
      labels: *labels
    spec:
      serviceAccountName: pos
      priorityClassName: {p}-tills-first
      terminationGracePeriodSeconds: 1
      containers:
      - name: pos
        image: registry.example.com/shop/pos:{image_tag}
        ports:
        - name: http
          containerPort: 8080
        envFrom:
        - secretRef:
            name: pos-database
        volumeMounts:
        - name: config
          mountPath: /etc/pos
        - name: journal
          mountPath: /var/lib/pos
        resources:
          requests:
            cpu: 100m
            memory: 64Mi
          limits:
            memory: 128Mi
      volumes:
      - name: config
        configMap:
          name: pos
      - name: journal
        persistentVolumeClaim:
          claimName: pos-journal
---
apiVersion: v1
kind: Service
metadata:
  name: pos
  namespace: {shop}
spec:
  selector:
    app: pos
  ports:
  - name: http
    port: 80
    targetPort: http
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: pos
  namespace: {shop}
spec:
  rules:
  - host: pos.{p}.example.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service:
            name: pos
            port:
              name: http
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: pos
  namespace: {shop}
spec:
  minAvailable: 1
  selector:
    matchLabels:
      app: pos
""",
        "camera/camera.yaml": f"""\
# The recorder, and the two cameras that it records.
apiVersion: v1
kind: ServiceAccount
metadata:
  name: recorder
  namespace: {shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: recorder
  namespace: {shop}
rules:
- apiGroups: [{group}]
  resources: [cameras]
  verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: recorder
  namespace: {shop}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: recorder
subjects:
- kind: ServiceAccount
  name: recorder
  namespace: {shop}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: recorder
  namespace: {shop}
spec:
  serviceName: recorder
  replicas: 1
  selector:
    matchLabels:
      app: recorder
  template:
    metadata:
      labels:
        app: recorder
    spec:
      serviceAccountName: recorder
      terminationGracePeriodSeconds: 1
      containers:
      - name: recorder
        image: registry.example.com/shop/recorder:2.7.1
        args: ["--segment=60s", "--codec=h264"]
        ports:
        - name: rtsp
          containerPort: 8554
---
apiVersion: v1
kind: Service
metadata:
  name: recorder
  namespace: {shop}
spec:
  clusterIP: None
  selector:
    app: recorder
  ports:
  - name: rtsp
    port: 8554
---
apiVersion: {group}/v1
kind: Camera
metadata:
  name: entrance
  namespace: {shop}
spec:
  stream: rtsp://10.0.7.11/main
  fps: 15
  retentionDays: 14
---
apiVersion: {group}/v1
kind: Camera
metadata:
  name: stockroom
  namespace: {shop}
spec:
  stream: rtsp://10.0.7.12/main
  fps: 10
""",
        "sync/jobs.yaml": f"""\
# Prices come in at night; the catalogue is loaded once.
apiVersion: batch/v1
kind: Job
metadata:
  name: load-catalogue
  namespace: {shop}
spec:
  backoffLimit: 3
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: load
        image: registry.example.com/shop/catalogue:2026.46
        command: ["/bin/load", "--all"]
---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: fetch-prices
  namespace: {shop}
spec:
  schedule: "20 3 * * *"
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers:
          - name: fetch
            image: registry.example.com/shop/prices:1.4.0
""",
        "sync/network-policy.json": f"""\
{{
  "apiVersion": "networking.k8s.io/v1",
  "kind": "NetworkPolicy",
  "metadata": {{"name": "tills-only", "namespace": "{shop}"}},
  "spec": {{
    "podSelector": {{"matchLabels": {{"app": "pos"}}}},
    "policyTypes": ["Ingress"],
    "ingress": [{{"ports": [{{"port": 8080, "protocol": "TCP"}}]}}]
  }}
}}
""",
        "monitoring/exporter.yml": f"""\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ServiceAccount
  metadata:
    name: exporter
    namespace: {p}-monitoring
- apiVersion: apps/v1
  kind: DaemonSet
  metadata:
    name: exporter
    namespace: {p}-monitoring
  spec:
    selector:
      matchLabels:
        app: exporter
    template:
      metadata:
        labels:
          app: exporter
      spec:
        serviceAccountName: exporter
        terminationGracePeriodSeconds: 1
        containers:
        - name: exporter
          image: registry.example.com/monitoring/exporter:1.9.0
""",
    }


def demo_site(prefix, folder="", image_tag="4.2.0"):
    """The shop's site as {path: text}: 26 objects of 21 kinds in six files.

    `folder` is put before every path. `image_tag` is the tag of the Deployment `pos`;
    "broken" makes a roll-out that fails.
    """
    folder = f"{folder.rstrip('/')}/" if folder else ""
    return {folder + name: text for name, text in _files(prefix, image_tag).items()}


def objects(files):
    """The manifests in {path: text}, Lists opened, in the order of paths."""
    found = []
    for name in sorted(files):
        if name.endswith((".yaml", ".yml", ".json")):
            for document in yaml.safe_load_all(files[name]):
                if document:
                    found += document["items"] if document["kind"] == "List" else [document]
    return found


def keys(files):
    """The Key of each object in {path: text}. A custom kind has its group behind it, because
    other tests bring kinds of the same name: Camera.shop.example.com."""
    return [Key(_unmistakable(o), o["metadata"].get("namespace"), o["metadata"]["name"])
            for o in objects(files)]


def _unmistakable(manifest):
    group = manifest["apiVersion"].rpartition("/")[0]
    return f"{manifest['kind']}.{group}" if group.endswith(".example.com") else manifest["kind"]


def small_site(prefix, tills=3, version="1"):
    """A namespace and a ConfigMap for each till: what most tests need, applied in a moment."""
    shop = f"{prefix}-shop"
    made = {"namespace.yaml": f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {shop}\n"}
    for number in range(tills):
        made[f"till-{number}.yaml"] = (
            f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: till-{number}\n"
            f"  namespace: {shop}\ndata:\n  version: \"{version}\"\n")
    return made


def publish(site, *files):
    """Pushes the small site with these files beside it, or instead of its own; the commit."""
    parts = small_site(site.prefix)
    for part in files:
        parts.update(part)
    return site.repo.publish(parts)


def _noise(seed, size):
    """Text of `size` bytes that depends on the seed alone and packs badly, as real data does."""
    text = ""
    while len(text) < size:
        text += hashlib.sha256(f"{seed}/{len(text)}".encode()).hexdigest() + "\n"
    return text[:size]


def synthetic(count, prefix, revision=0, namespace=None, with_namespace=True):
    """`count` manifests of five kinds, 0.5 to 4 KB each as JSON, the same for the same arguments.

    ConfigMap, Secret, Service, Role and Deployment (of no replicas, so that a bench
    measures applying and not the controllers), in one Namespace that comes first and
    counts as one; without it (`with_namespace=False`) they go into one that is there.
    Another `revision` changes each object.
    """
    namespace = namespace or f"{prefix}-bench"
    made = []
    if with_namespace:
        made.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    makers = (_config_map, _secret, _service, _role, _deployment)
    while len(made) < count:
        number = len(made)
        size = 500 + (number * 733) % 3300
        manifest = makers[number % 5](f"item-{number:05}", f"{number}/{revision}", size)
        manifest["metadata"]["namespace"] = namespace
        made.append(manifest)
    return made


def _described(api_version, kind, name, seed, size, **rest):
    """An object whose size is reached by an annotation."""
    note = _noise(seed, max(64, size - 300)).replace("\n", " ")
    return {"apiVersion": api_version, "kind": kind,
            "metadata": {"name": name, "labels": {"app": name},
                         "annotations": {"example.com/note": note}}, **rest}


def _config_map(name, seed, size):
    half = _noise(seed, (size - 200) // 2)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
            "data": {"settings.conf": half, "other.conf": half[::-1]}}


def _secret(name, seed, size):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque",
            "stringData": {"token": _noise(seed, size - 200)}}


def _service(name, seed, size):
    return _described("v1", "Service", name, seed, size, spec={
        "selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]})


def _role(name, seed, size):
    return _described("rbac.authorization.k8s.io/v1", "Role", name, seed, size, rules=[
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}])


def _deployment(name, seed, size):
    return _described("apps/v1", "Deployment", name, seed, size - 300, spec={
        "replicas": 0, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}},
                     "spec": {"containers": [
                         {"name": "main", "image": f"registry.example.com/bench/app:{len(seed)}",
                          "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}]}}})


def synthetic_files(count, prefix, per_file=10, **options):
    """The same as {path: YAML}, `per_file` objects a file."""
    made = synthetic(count, prefix, **options)
    return {f"objects-{start // per_file:04}.yaml":
            yaml.safe_dump_all(made[start:start + per_file], sort_keys=False)
            for start in range(0, count, per_file)}
