# SPDX-License-Identifier: Apache-2.0
"""What the API server, its controllers and other operators add to an object is not drift: nothing
of it makes limpet write a second time. All cases are in one revision of one site, and are looked at
in each of its phases: at rest, after others have written, after a deep pass, after a restart."""

import base64
import re
import secrets
import time
from dataclasses import dataclass, field

import pytest
import yaml

from support.kubeapi import ApiError
from support.site import Site
from support.told import source, wait_applied, wait_idle
from support.waiting import wait_until
from support.words import filled

OPERATOR = "mesh-operator"  # no tool of a person's: what it owns stays its own
PHASES = ("rest", "touch", "deep pass", "restart")
QUIET_S = 2.0

CONTAINER = """
      containers:
      - name: main
        image: registry.example/till:1
"""
WEBHOOK = """
metadata: {name: PREFIX-NAME}
webhooks:
- name: tills.PREFIX.example.com
  clientConfig: {service: {name: till, namespace: SHOP, path: /check}}
  rules: [{apiGroups: [none.PREFIX.example.com], apiVersions: [v1], operations: [CREATE], resources: [nothings]}]
  failurePolicy: Ignore
  sideEffects: None
  admissionReviewVersions: [v1]
"""
INJECTED = [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "CABUNDLE"}]


@dataclass(frozen=True)
class Touch:
    """A write of another manager: a merge patch, a JSON patch or a server-side apply."""
    kind: str
    body: object
    name: str = "NAME"
    subresource: str = ""
    apply: bool = False


@dataclass(frozen=True)
class Case:
    """Manifests, and what others do to them. In all texts NAME is the case's own name, PREFIX the
    site's prefix, SHOP its namespace, CABUNDLE a certificate that was injected."""
    manifests: str
    touches: list = field(default_factory=list)
    settled: tuple = None  # kind, name, condition: what a controller does to it


CASES = {
    # --- a caBundle that another manager injects into what says nothing of one
    "validating-webhook": Case(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration" + WEBHOOK,
        [Touch("ValidatingWebhookConfiguration", INJECTED, "PREFIX-NAME")]),
    "mutating-webhook": Case(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration" + WEBHOOK,
        [Touch("MutatingWebhookConfiguration", INJECTED, "PREFIX-NAME")]),
    "apiservice": Case("""
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.NAME.PREFIX.example.com}
spec:
  group: NAME.PREFIX.example.com
  version: v1
  groupPriorityMinimum: 1000
  versionPriority: 15
  caBundle: Cg==
  service: {name: till, namespace: SHOP}
""", [Touch("APIService", {"spec": {"caBundle": "CABUNDLE"}}, "v1.NAME.PREFIX.example.com")]),
    "conversion-webhook": Case("""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: printers.PREFIX.example.com, creationTimestamp: null}
spec:
  group: PREFIX.example.com
  scope: Namespaced
  names: {kind: Printer, plural: printers}
  conversion:
    strategy: Webhook
    webhook:
      clientConfig: {caBundle: "", service: {name: till, namespace: SHOP}}
      conversionReviewVersions: [v1]
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
  - {name: v2, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}}
status: {acceptedNames: {kind: "", plural: ""}, conditions: [], storedVersions: []}
""", [Touch("CustomResourceDefinition",
            {"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": "CABUNDLE"}}}}},
            "printers.PREFIX.example.com")]),

    # --- what controllers fill in
    "aggregated": Case("""
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: PREFIX-NAME}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {into: PREFIX-NAME}}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: PREFIX-NAME-empty}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {into: PREFIX-NAME}}]}
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: PREFIX-NAME-part, labels: {into: PREFIX-NAME}}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
""", [Touch("ClusterRole", {"metadata": {"labels": {"into": "PREFIX-NAME"}},
                            "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}]},
            "PREFIX-NAME-other", apply=True)],
        ("ClusterRole", "PREFIX-NAME-empty", lambda role: role.get("rules"))),
    "token-secret": Case("""
apiVersion: v1
kind: ServiceAccount
metadata: {name: NAME}
---
apiVersion: v1
kind: Secret
metadata: {name: NAME, annotations: {kubernetes.io/service-account.name: NAME}}
type: kubernetes.io/service-account-token
""", [Touch("ServiceAccount", {"secrets": [{"name": "NAME"}], "imagePullSecrets": [{"name": "pull"}]})],
        ("Secret", "NAME", lambda secret: secret.get("data"))),
    "bound-claim": Case("""
apiVersion: v1
kind: PersistentVolume
metadata: {name: PREFIX-NAME}
spec:
  accessModes: [ReadWriteOnce]
  capacity: {storage: 1024Mi}
  storageClassName: PREFIX-NAME
  hostPath: {path: /nowhere}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: PREFIX-NAME
  resources: {requests: {storage: 1024Mi}}
status: {}
""", [Touch("PersistentVolumeClaim", {"status": {"capacity": {"storage": "2Gi"}}}, subresource="status")],
        ("PersistentVolumeClaim", "NAME", lambda claim: claim["status"].get("phase") == "Bound")),
    "namespace": Case("""
apiVersion: v1
kind: Namespace
metadata: {name: PREFIX-NAME, labels: {}}
spec: {}
""", [Touch("Namespace", {"metadata": {"labels": {"pod-security.kubernetes.io/warn": "baseline"}}},
            "PREFIX-NAME")]),
    "pod": Case("""
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  containers: [{name: main, image: "registry.example/till:1", ports: [{containerPort: 80}]}]
""", [Touch("Pod", {"status": {"conditions": [{"type": "Special", "status": "True"}]}},
            subresource="status")],
        ("Pod", "NAME", lambda pod: pod["status"].get("phase") == "Running")),
    "job": Case("""
apiVersion: batch/v1
kind: Job
metadata: {name: NAME}
spec:
  template:
    spec:
      restartPolicy: Never""" + CONTAINER, [],
        ("Job", "NAME", lambda job: job["status"].get("succeeded"))),

    # --- Services
    "service": Case("""
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: till}, ports: [{port: 80}]}
status: {loadBalancer: {}}
""", [Touch("Service", {"spec": {"internalTrafficPolicy": "Local"}})]),
    "service-two-ports": Case("""
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec:
  selector: {app: till}
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53}, {name: web, port: 80, targetPort: web}]
"""),
    "service-node-port": Case("""
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {type: NodePort, selector: {app: till}, ports: [{name: a, port: 80}, {name: b, port: 81}]}
"""),
    "service-load-balancer": Case("""
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {type: LoadBalancer, selector: {app: till}, ports: [{port: 80, targetPort: 8080}]}
""", [Touch("Service", {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}},
            subresource="status")]),
    "service-headless": Case("""
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {clusterIP: None, selector: {app: till}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME-external}
spec: {type: ExternalName, externalName: till.example.com}
"""),

    # --- Secrets and ConfigMaps
    "string-data": Case("""
apiVersion: v1
kind: Secret
metadata: {name: NAME}
stringData: {user: till, password: secret}
---
apiVersion: v1
kind: Secret
metadata: {name: NAME-both}
data: {user: YWRtaW4=, key: a2V5}
stringData: {user: till, password: ""}
""", [Touch("Secret", {"data": {"added": "eA=="}})]),
    "empty-data": Case("""
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME, labels: {}, annotations: null}
data: {}
binaryData: null
immutable: false
---
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME-nothing}
---
apiVersion: v1
kind: Secret
metadata: {name: NAME}
data: {}
stringData: {}
"""),

    # --- nothing, said in many ways
    "empties": Case("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, annotations: {}, labels: {}, creationTimestamp: null, finalizers: [], ownerReferences: []}
spec:
  strategy: {}
  selector: {matchLabels: {app: NAME}, matchExpressions: []}
  template:
    metadata: {creationTimestamp: null, labels: {app: NAME}, annotations: {}}
    spec:
      nodeSelector: {}
      securityContext: {}
      affinity: {}
      tolerations: []
      initContainers: []
      imagePullSecrets: null
      volumes: [{name: tmp, emptyDir: {}}, {name: none}]
      containers:
      - name: main
        image: registry.example/till:1
        args: []
        command: null
        env: []
        envFrom: []
        resources: {}
        securityContext: {}
        ports: []
        volumeMounts: []
        terminationMessagePath: ""
status: {}
"""),
    "zeroes": Case("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: 0
  paused: false
  minReadySeconds: 0
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      hostNetwork: false
      hostPID: false
      shareProcessNamespace: false
      nodeName: ""
      priorityClassName: ""
      containers:
      - name: main
        image: registry.example/till:1
        stdin: false
        securityContext: {privileged: false, runAsUser: 0}
        env: [{name: EMPTY, value: ""}, {name: NULLED, value: null}]
        volumeMounts: [{name: tmp, mountPath: /tmp, readOnly: false, subPath: ""}]
        readinessProbe: {httpGet: {path: /, port: 80, scheme: HTTP}, initialDelaySeconds: 0}
      volumes: [{name: tmp, emptyDir: {medium: ""}}]
"""),

    # --- spellings that the server keeps otherwise
    "quantities": Case("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}}
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers:
      - name: main
        image: registry.example/till:1
        resources:
          limits: {cpu: 1000m, memory: 1024Mi, ephemeral-storage: 1000000000}
          requests: {cpu: 0.5, memory: 0.5Gi}
        ports: [{name: web, containerPort: 8080}]
        livenessProbe: {httpGet: {path: /, port: web}}
        readinessProbe: {tcpSocket: {port: 8080}}
      - name: second
        image: registry.example/till:1
        resources: {limits: {cpu: 1, memory: 1e9}, requests: {cpu: "1.0", memory: "0"}}
      volumes: [{name: tmp, emptyDir: {sizeLimit: 1024Mi}}]
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: NAME}
spec: {hard: {requests.storage: 1024000Mi, services: 1000, count/jobs.batch: "1e3"}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: NAME}
spec: {limits: [{type: PersistentVolumeClaim, max: {storage: 8192Mi}}]}
"""),
    "times": Case("""
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: NAME}
spec: {holderIdentity: someone, leaseDurationSeconds: 15, renewTime: "2026-01-01T01:00:00.000000+01:00"}
""", [Touch("Lease", {"spec": {"leaseTransitions": 3}})]),

    # --- defaults
    "deployment": Case("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:""" + CONTAINER + """
        ports: [{containerPort: 80}]
        envFrom: [{configMapRef: {name: empty-data}}]
status: {replicas: 5, readyReplicas: 5, conditions: [{type: Available, status: "False"}]}
""", [Touch("Deployment", {"metadata": {"annotations": {"mesh": "on"}}}),
      Touch("Deployment", {"status": {"observedGeneration": 1}}, subresource="status")],
        ("Deployment", "NAME", lambda d: d["status"].get("readyReplicas") == 1)),
    "statefulset": Case("""
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: NAME}
spec:
  serviceName: NAME
  replicas: 1
  selector: {matchLabels: {app: NAME}}
  volumeClaimTemplates:
  - metadata: {name: data, creationTimestamp: null}
    spec: {accessModes: [ReadWriteOnce], storageClassName: PREFIX-none, resources: {requests: {storage: 1024Mi}}}
    status: {}
  template:
    metadata: {labels: {app: NAME}}
    spec:""" + CONTAINER, [Touch("StatefulSet", {"status": {"replicas": 1}}, subresource="status")]),
    "daemonset": Case("""
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  updateStrategy: {type: RollingUpdate}
  template:
    metadata: {labels: {app: NAME}}
    spec:""" + CONTAINER, [], ("DaemonSet", "NAME", lambda d: d["status"].get("numberReady"))),
    "cronjob": Case("""
apiVersion: batch/v1
kind: CronJob
metadata: {name: NAME}
spec:
  schedule: "*/5 * * * *"
  suspend: true
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers: [{name: main, image: "registry.example/till:1"}]
""", [Touch("CronJob", {"status": {"lastScheduleTime": "2026-01-01T00:00:00Z"}}, subresource="status")]),
    "autoscaler": Case("""
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: NAME}
spec:
  maxReplicas: 3
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: nobody}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
  behavior: {scaleDown: {policies: [{type: Percent, value: 50, periodSeconds: 60}]}}
status: {currentMetrics: null, desiredReplicas: 0}
""", [Touch("HorizontalPodAutoscaler", {"status": {"desiredReplicas": 2}}, subresource="status")]),
    "ingress": Case("""
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: NAME}
spec:
  rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: till, port: {number: 80}}}}]}}]
  tls: []
""", [Touch("Ingress", {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}},
            subresource="status")]),
    "network-policy": Case("""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: NAME}
spec: {podSelector: {}, ingress: [{}], egress: [{ports: [{port: 53}, {port: 80}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: NAME-none}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: []}
"""),
    "disruption-budget": Case("""
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: NAME}
spec: {minAvailable: 50%, selector: {matchLabels: {app: NAME}}}
""", [Touch("PodDisruptionBudget", {"status": {"disruptionsAllowed": 0, "currentHealthy": 0,
                                               "desiredHealthy": 0, "expectedPods": 0}},
            subresource="status")]),
    "bindings": Case("""
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: NAME}
rules: [{apiGroups: [""], resources: [pods], verbs: [get], resourceNames: []}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: NAME}
roleRef: {kind: Role, name: NAME, apiGroup: rbac.authorization.k8s.io}
subjects: [{kind: User, name: till}, {kind: Group, name: tills}, {kind: ServiceAccount, name: till, namespace: SHOP}]
"""),
    "classes": Case("""
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: PREFIX-NAME}
value: 1000
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: PREFIX-NAME}
provisioner: nobody.example.com
parameters: {}
mountOptions: []
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: PREFIX-NAME}
spec: {controller: example.com/nobody}
"""),
    "admission-policy": Case("""
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: PREFIX-NAME}
spec:
  matchConstraints:
    matchPolicy: Equivalent
    namespaceSelector: {}
    objectSelector: {}
    resourceRules:
    - {apiGroups: [none.PREFIX.example.com], apiVersions: [v1], operations: [CREATE], resources: [nothings], scope: "*"}
  validations: [{expression: "true"}]
"""),

    # --- of a kind of the site's own
    "custom": Case("""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: tills.PREFIX.example.com}
spec:
  group: PREFIX.example.com
  scope: Namespaced
  names: {kind: Till, plural: tills}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              printers: {type: integer, default: 2}
              drawers: {type: array, items: {type: string}}
              notes: {type: object, additionalProperties: {type: string}}
              size: {anyOf: [{type: integer}, {type: string}], x-kubernetes-int-or-string: true}
              hint: {type: string, nullable: true}
          status: {type: object, properties: {open: {type: boolean}}}
---
apiVersion: PREFIX.example.com/v1
kind: Till
metadata: {name: NAME, annotations: {}}
spec: {drawers: [], notes: {}, size: "5", hint: null}
status: {open: false}
""", [Touch("Till", {"status": {"open": True}}, subresource="status")]),

    # --- what others add to an object's metadata
    "owned-by-others": Case("""
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME}
data: {a: "1"}
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: till}, ports: [{port: 80}]}
""", [Touch(kind, {"metadata": {
        "finalizers": ["example.com/till"],
        "ownerReferences": [{"apiVersion": "v1", "kind": "Namespace", "name": "default",
                             "uid": "DEFAULT_UID"}] if kind == "Service" else [],
        "annotations": {"example.com/seen": "yes"}}}) for kind in ("ConfigMap", "Service")]),
}


class Ground:
    """The site of all cases, and what was seen of it in each phase."""

    def __init__(self, folder, gitserver, plane):
        self.site = Site(folder, f"e2e-{secrets.token_hex(3)}", gitserver, plane)
        self.plane, self.api, self.user = plane, plane.api, f"edge-{self.site.prefix}"
        config = self.site.limpet.config
        config["cluster"]["kubeconfig"] = str(plane.make_user(self.user, ["system:masters"]))
        config["sources"][0]["drift"] = "heal"
        self.site.limpet.write_config()
        self.words = {"CABUNDLE": base64.b64encode(plane.ca_file.read_bytes()).decode(),
                      "SHOP": self.site.namespace, "PREFIX": self.site.prefix,
                      "DEFAULT_UID": self.api.get("Namespace", "default")["metadata"]["uid"]}
        self.phases = {}    # of each: keys before and after, and what was asked meanwhile
        self.logs = {}      # of each: what limpet has logged

    # --- texts ------------------------------------------------------------------------

    def text(self, text, name):
        """A case's text with its words in it."""
        return filled(text, {"NAME": name, **self.words})

    def body(self, value, name):
        """The same of a dict."""
        return yaml.safe_load(self.text(yaml.safe_dump(value), name))

    def objects(self, name):
        """The case's manifests, parsed."""
        return list(yaml.safe_load_all(self.text(CASES[name].manifests, name)))

    def keys(self, name):
        """(kind.group, name) of each."""
        return [(f"{o['kind']}.{o['apiVersion'].rpartition('/')[0]}".rstrip("."),
                 o["metadata"]["name"]) for o in self.objects(name)]

    # --- the cluster --------------------------------------------------------------------

    def get(self, kind, name):
        """One object, which must be there."""
        return self.api.get(kind, name, self.site.namespace)

    def touch(self, name, touch):
        """Does what another manager does."""
        where = self.text(touch.name, name)
        path = self.api.resource(touch.kind).path(self.site.namespace, where)
        body = self.body(touch.body, name)
        form = "json-patch+json" if isinstance(body, list) else "merge-patch+json"
        if touch.apply:
            first = self.objects(name)[0]
            body = {"apiVersion": first["apiVersion"], "kind": touch.kind, **body}
            body.setdefault("metadata", {})["name"] = where
            form = "apply-patch+yaml"
        subresource = touch.subresource and f"/{touch.subresource}"
        self.api.request("PATCH", f"{path}{subresource}?fieldManager={OPERATOR}", body,
                         content_type=f"application/{form}")

    def label(self, name):
        """What every object gets."""
        for kind, where in self.keys(name):
            self.api.patch(kind, where, {"metadata": {"labels": {"mesh": "on"}}},
                           self.site.namespace, OPERATOR)

    def seen(self):
        """What is to stay as it is, of all objects of all cases."""
        return {key: _seen(self.get(*key)) for name in CASES for key in self.keys(name)}

    def wait_quiet(self):
        """Waits until nobody writes any more, and limpet looks at nothing."""
        def quiet():
            told = source(self.site.limpet.status())
            before = self.seen()
            time.sleep(QUIET_S)
            return told["drift"]["watching"] and not told["drift"]["differs"] and before == self.seen()
        wait_until(quiet, "everything to be quiet", 60, 0.1)

    def phase(self, name, act):
        """Remembers what an action has led to."""
        before, mark = self.seen(), len(self.plane.audit_events())
        log = len(self.site.limpet.log())
        act()
        self.wait_quiet()
        after = self.seen()
        self.phases[name] = (before, after, self.plane.audit_events()[mark:])
        self.logs[name] = self.site.limpet.log()[log:]

    def run(self):
        """All phases, one after the other."""
        limpet = self.site.limpet
        files = {f"{name}.yaml": self.text(case.manifests, name) for name, case in CASES.items()}
        files["00.yaml"] = f"{{apiVersion: v1, kind: Namespace, metadata: {{name: {self.site.namespace}}}}}"
        commit = self.site.repo.publish(files)
        limpet.start()
        wait_applied(self.site, commit, 60)
        for name, case in CASES.items():
            if case.settled:
                kind, where, holds = case.settled
                wait_until(lambda k=kind, w=where, n=name, h=holds: h(self.get(k, self.text(w, n))),
                           f"{name} to be settled", 60)
        self.wait_quiet()
        self.phase("rest", lambda: time.sleep(2 * QUIET_S))
        self.phase("touch", self.touch_all)
        self.phase("deep pass", lambda: limpet.ok("sync"))
        self.phase("restart", self.restart)

    def touch_all(self):
        """What others do, to all."""
        for name, case in CASES.items():
            for touch in case.touches:
                self.touch(name, touch)
        time.sleep(1)
        for name in CASES:
            self.label(name)

    def restart(self):
        """Stops the agent and starts it again."""
        self.site.limpet.stop()
        self.site.limpet.start()
        wait_idle(self.site)

    def close(self):
        """Ends limpet and removes what only this test can name."""
        self.site.limpet.close()
        for kind in ("ConfigMap", "Service"):
            try:
                self.api.patch(kind, "owned-by-others", {"metadata": {"finalizers": None}},
                               self.site.namespace)
            except ApiError as error:
                assert error.code == 404
        self.api.delete("APIService", self.text("v1.apiservice.PREFIX.example.com", ""))
        self.site.server.reset()
        self.plane.remove_all(self.site.prefix, wait=False)


def _seen(found):
    """Of an object: its version, and all that managedFields says of limpet."""
    if found is None:
        return None
    meta = found["metadata"]
    ours = [entry for entry in meta["managedFields"] if entry["manager"].startswith("limpet")]
    return {"uid": meta["uid"], "version": meta["resourceVersion"], "ours": ours}


@pytest.fixture(scope="module")
def ground(tmp_path_factory, gitserver, own_controlplane):
    """A Ground that has gone through all phases."""
    ground = Ground(tmp_path_factory.mktemp("second"), gitserver, own_controlplane)
    try:
        ground.run()
    except BaseException:
        for title, text in ground.site.evidence():
            print(f"--- {title}\n{text}")
        ground.close()
        raise
    yield ground
    ground.close()


def asked(ground, phase, key, ours=True):
    """What limpet, or whoever else, asked for of one object in a phase, reads aside."""
    kind, name = key
    resource = ground.api.resource(kind)
    return [e for e in ground.phases[phase][2] if e["verb"] not in ("get", "list", "watch")
            and (e["user"]["username"] == ground.user) == ours
            and e["objectRef"]["resource"] == resource.plural and e["objectRef"].get("name") == name
            and e["objectRef"].get("apiGroup", "") == resource.group]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("name", CASES)
def test_nothing_is_written_a_second_time(ground, name, phase):
    before, after, _ = ground.phases[phase]
    most = {"rest": 0, "touch": len(CASES[name].touches) + 1, "deep pass": 1, "restart": 1}[phase]
    for key in ground.keys(name):
        then, now = before[key], after[key]
        looks = asked(ground, phase, key)
        assert then["ours"] and now["ours"] == then["ours"], "an apply that changed nothing keeps its time"
        assert [e["manager"] for e in now["ours"]] == ["limpet"]
        assert all(e["verb"] == "patch" and "fieldValidation=" in e["requestURI"] for e in looks), \
            f"managedFields are rewritten: {looks}"
        # a quota has no generation: its controller's writes of status cannot be told from edits
        told = len(asked(ground, phase, key, ours=False)) if key[0] == "ResourceQuota" else 0
        assert len(looks) <= most + told, f"{key} was applied {len(looks)} times"
        assert now["version"] == then["version"] or asked(ground, phase, key, ours=False), \
            f"{key} was written, and by nobody else"


@pytest.mark.parametrize("phase", PHASES[2:])
def test_a_pass_over_all_says_that_it_has_changed_nothing(ground, phase):
    assert not re.findall(r"event=(?:configured|created|healed|detected).*", ground.logs[phase])
    assert len(re.findall(r"event=applied .* changed=0 ", ground.logs[phase])) == 1


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_said_to_be_healed(ground, name):
    told = [line for line in ground.site.limpet.log().splitlines()
            if re.search("event=(?:healed|fight|reported|pruned|deleted|look-failed) ", line)]
    for _, where in ground.keys(name):
        assert not [line for line in told if re.search(rf'object="\S+ (?:\S+/)?{where}"', line)]
