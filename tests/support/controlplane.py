# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes control plane on loopback: what k3s packs into one process.

kube-apiserver, kube-controller-manager and kube-scheduler on kine over SQLite, and kwok
as the node. `ExternalCluster` is a k3s that somebody has, with the same face.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import ssl
import subprocess
from pathlib import Path

from support import kubeconfig as kubeconfigs
from support.goprograms import MODULE, programs
from support.kubeapi import KubeApi
from support.pki import Authority, make_key, public_key
from support.processes import free_port, record, spawn
from support.waiting import wait_until

AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: Metadata
"""


class Cluster:
    """What tests do with a cluster, whosever it is.

    `kubeconfig` is the path of an administrator's kubeconfig, `api` a KubeApi with it.
    """

    can_restart = False

    def __init__(self, kubeconfig, folder):
        self.kubeconfig = Path(kubeconfig)
        self.folder = Path(folder)
        self._api = None

    @property
    def api(self):
        """A client with the administrator's rights."""
        if self._api is None:
            self._api = KubeApi(self.kubeconfig)
        return self._api

    @property
    def programs(self):
        """The folder in which kubectl lies."""
        return programs(["kubectl"])

    def kubectl(self, *args, input=None, check=True, kubeconfig=None):
        """Runs the real kubectl; returns its output, or CompletedProcess if not `check`."""
        env = {**os.environ, "KUBECONFIG": str(kubeconfig or self.kubeconfig),
               "KUBECACHEDIR": str(self.folder / "kubectl-cache"), "KUBERC": "off"}
        done = subprocess.run(
            [self.programs / "kubectl", *map(str, args)], env=env, text=True,
            input=input if input is not None else "", capture_output=True)
        if not check:
            return done
        if done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(map(str, args))}: {done.stderr.strip()}")
        return done.stdout

    def make_token(self, serviceaccount, seconds=3600):
        """A token of a service account named "NAMESPACE/NAME"."""
        namespace, name = serviceaccount.split("/")
        return self.kubectl("create", "token", name, "-n", namespace,
                            f"--duration={seconds}s").strip()

    def wait_for(self, kind, name, namespace="default", condition=bool, timeout=30.0):
        """Waits until `condition(object)` is true (by default: until it is there)."""
        found = []

        def holds():
            found[:] = [self.api.get(kind, name, namespace)]
            return condition(found[0])

        wait_until(holds, f"{kind} {namespace}/{name}", timeout)
        return found[0]

    def wait_gone(self, kind, name, namespace="default", timeout=90.0):
        """Waits until there is no such object."""
        wait_until(lambda: self.api.get(kind, name, namespace) is None,
                   f"{kind} {namespace}/{name} to be gone", timeout)

    def leftovers(self, prefix, fresh=True):
        """(resource, name) of each cluster-wide object whose name begins with `prefix`, and of
        each CRD whose group does. Not `fresh` may be a second old, and is fast."""
        assert prefix, "an empty prefix would name everything"
        found = []
        for resource in self.api.resources():
            if resource.namespaced or not {"list", "delete"} <= set(resource.verbs):
                continue
            path = resource.path() + ("" if fresh else "?resourceVersion=0")
            for item in self.api.request("GET", path)["items"]:
                name = item["metadata"]["name"]
                group = item.get("spec", {}).get("group") or ""
                if name.startswith(prefix) or (
                        resource.kind == "CustomResourceDefinition" and group.startswith(prefix)):
                    found.append((resource, name))
        return found

    def remove_all(self, prefix, wait=True, timeout=90.0):
        """Deletes the namespaces and other cluster-wide objects of the prefix."""
        for resource, name in self.leftovers(prefix, fresh=wait):
            self.api.delete(resource.full_name, name)
        if wait:
            wait_until(lambda: not self.leftovers(prefix), f"{prefix}* to be gone", timeout, 0.5)


class ExternalCluster(Cluster):
    """A cluster that somebody has: nothing is started, stopped or restarted."""


class ControlPlane(Cluster):
    """The control plane of our own; a context manager.

    `detached`: it lives on when this process ends, and `processes.json` in its folder
    tells `down` what to end. `audit`: every request is written down, see `audit_events`.

    A list soon after a write to another kind takes up to a second, because the API
    server's watch cache waits for kine to report progress. It is the same on k3s, and it
    makes the deletion of a namespace take half a minute; without `watch_cache`, ten seconds.
    Without `watch_list` it cannot begin a watch with all that is there, as before 1.34.
    """

    can_restart = True

    def __init__(self, folder, *, detached=False, audit=False, watch_cache=True,
                 watch_list=True):
        folder = Path(folder).resolve()
        super().__init__(folder / "kubeconfig", folder)
        self.detached = detached
        self.audit = audit
        self.watch_cache = watch_cache
        self.watch_list = watch_list
        self.port = None
        self.processes = {}
        self._authority = None

    # --- start and stop -------------------------------------------------------------

    @property
    def programs(self):
        return programs()

    @property
    def url(self):
        """Where the API server listens."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self):
        """The certificate authority of server and users."""
        return self._authority.cert

    def start(self):
        """Starts everything and waits until the API server answers; about 6 s."""
        self.programs  # may take minutes, and must not count as the API server's start
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._make_credentials()
        try:
            self._start_store()
            self.start_apiserver()
            self._start_controllers()
            self.kubectl("apply", "--server-side", "-f", MODULE / "node.yaml")
            self.wait_for("serviceaccount", "default")
            self.wait_for("node", "edge-0", condition=_is_ready)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        """Ends everything. There is nothing to save: the folder goes with the tests."""
        if self._api is not None:
            self._api.close()
        for process in self.processes.values():
            process.kill()
        self.processes = {}

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def restart_apiserver(self, hard=False):
        """Stops the API server and starts it again at the same port."""
        self.stop_apiserver(hard)
        self.start_apiserver()

    def stop_apiserver(self, hard=False):
        """Ends the API server alone: connections are refused. `hard` is SIGKILL."""
        process = self.processes.pop("kube-apiserver")
        if hard:
            process.kill()
        else:
            # Its own graceful end waits for the watches of others; k3s does not either.
            process.stop(grace=2)
        self.api.close()

    def save_store(self, copy):
        """Copies what is stored, as it is now, into the file `copy`."""
        with contextlib.closing(sqlite3.connect(self._store)) as store, \
                contextlib.closing(sqlite3.connect(copy)) as to:
            store.backup(to)

    def put_store_back(self, copy):
        """Stops the API server, and starts it again over that copy."""
        self.stop_apiserver(hard=True)
        self.processes.pop("kine").kill()
        self._kine_socket.unlink(missing_ok=True)
        for file in self.folder.glob(f"{self._store.name}*"):
            file.unlink()
        shutil.copy(copy, self._store)
        self._start_store()
        self.start_apiserver()

    def _start_store(self):
        self._spawn("kine", "--endpoint", f"sqlite://{self._store}?_journal=WAL"
                    "&cache=shared&_busy_timeout=30000&_synchronous=OFF",
                    "--listen-address", f"unix://{self._kine_socket}",
                    "--metrics-bind-address", "0")
        wait_until(self._kine_socket.exists, "kine", 30, abort=self.processes["kine"].check)

    def freeze_apiserver(self):
        """From now on the API server accepts connections and answers nothing."""
        self.processes["kube-apiserver"].freeze()

    def thaw_apiserver(self):
        """Undoes freeze_apiserver."""
        self.processes["kube-apiserver"].thaw()

    def start_apiserver(self, wait=True):
        """Starts the API server, and waits until it is ready unless told not to."""
        pki = self.folder / "pki"
        audit = []
        if self.audit:
            policy = self.folder / "audit-policy.yaml"
            policy.write_text(AUDIT_POLICY)
            audit = [f"--audit-policy-file={policy}", f"--audit-log-path={self.folder}/audit.log",
                     "--audit-log-mode=blocking",
                     "--audit-log-maxsize=100000"]  # MB: never another file, to count in one
        self._spawn(
            "kube-apiserver", f"--etcd-servers=unix://{self._kine_socket}",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={pki}/apiserver.crt", f"--tls-private-key-file={pki}/apiserver.key",
            f"--client-ca-file={pki}/cluster-ca.crt",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki}/serviceaccount.pub",
            f"--service-account-signing-key-file={pki}/serviceaccount.key",
            "--authorization-mode=Node,RBAC", "--service-cluster-ip-range=10.43.0.0/16",
            "--allow-privileged=true", "--endpoint-reconciler-type=none", "--profiling=false",
            f"--watch-cache={str(self.watch_cache).lower()}",
            f"--feature-gates=WatchList={str(self.watch_list).lower()}", *audit)
        if wait:
            process = self.processes["kube-apiserver"]
            wait_until(lambda: self.api.request("GET", "/readyz") == "ok", "the API server",
                       120, abort=process.check)

    def _start_controllers(self):
        pki = self.folder / "pki"
        self._spawn(
            "kube-controller-manager", f"--kubeconfig={self.kubeconfig}", "--secure-port=0",
            "--bind-address=127.0.0.1", "--leader-elect=false",
            f"--service-account-private-key-file={pki}/serviceaccount.key",
            f"--root-ca-file={pki}/cluster-ca.crt", "--use-service-account-credentials=true",
            # Each test leaves a namespace to be deleted, which takes a request for each kind.
            "--concurrent-namespace-syncs=50", "--kube-api-qps=200", "--kube-api-burst=400",
            "--horizontal-pod-autoscaler-sync-period=1s")  # 15 s otherwise
        self._spawn(
            "kube-scheduler", f"--kubeconfig={self.kubeconfig}", "--secure-port=0",
            "--bind-address=127.0.0.1", "--leader-elect=false")
        self._spawn(
            "kwok", "--kubeconfig", self.kubeconfig, "--manage-all-nodes=true",
            "--config", MODULE / "stages.yaml", "--server-address", f"127.0.0.1:{free_port()}",
            "--node-ip", "10.0.0.10", "--node-lease-duration-seconds", "40")

    @property
    def _store(self):
        return self.folder / "state.db"

    @property
    def _kine_socket(self):
        return self.folder / "kine.sock"

    def _spawn(self, name, *args):
        # Their own HOME, so that no file of the user's is read or written.
        env = {**os.environ, "HOME": str(self.folder), "KUBECONFIG": "/dev/null"}
        self.processes[name] = spawn([self.programs / name, *args], name=name,
                                     folder=self.folder, env=env, detached=self.detached)
        if self.detached:
            record(self.processes.values(), self.folder / "processes.json")

    # --- who may do what ------------------------------------------------------------

    def _make_credentials(self):
        pki = self.folder / "pki"
        self._authority = Authority(pki, "cluster-ca")
        self._issue_serving_certificate()
        public_key(make_key(pki / "serviceaccount.key"), pki / "serviceaccount.pub")
        self.make_user("admin", ["system:masters"], path=self.kubeconfig)

    def _issue_serving_certificate(self):
        return self._authority.issue("apiserver", "kube-apiserver", hosts=[
            "IP:127.0.0.1", "IP:10.43.0.1", "DNS:localhost", "DNS:kubernetes.default.svc"])

    def renew_serving_certificate(self):
        """Gives the API server another certificate of the same authority, and waits until it
        shows that to whoever connects."""
        new = self._issue_serving_certificate().cert.read_text()
        wait_until(lambda: ssl.get_server_certificate(("127.0.0.1", self.port)).split() ==
                   new.split(), "the new certificate", 90)

    def make_user(self, name, groups=(), *, path=None, embed=True):
        """A kubeconfig with a client certificate of the user's own; returns its path.

        The user may do nothing until a RoleBinding says so.
        """
        certificate = self._authority.issue(f"user-{name}", name, organisations=groups)
        return kubeconfigs.write_kubeconfig(
            path or self.folder / f"{name}.kubeconfig", self.url, self.ca_file,
            certificate=certificate, embed=embed)

    def make_token_user(self, serviceaccount, path, *, in_file=False):
        """A kubeconfig with a service account's token, in it or in PATH.token beside it."""
        token = self.make_token(serviceaccount)
        if not in_file:
            return kubeconfigs.write_kubeconfig(path, self.url, self.ca_file, token=token)
        token_file = Path(f"{path}.token")
        token_file.write_text(token)
        token_file.chmod(0o600)
        return kubeconfigs.write_kubeconfig(path, self.url, self.ca_file, token_file=token_file)

    # --- what happened ----------------------------------------------------------------

    def audit_events(self, user=None):
        """The answers so far, oldest first, as audit events; those to one user if named. A watch
        has two: its beginning and its end."""
        return [e for e in self._audited(user) if e["stage"] != "RequestReceived"]

    def requests(self, user):
        """What a user has asked so far, oldest first, as audit events."""
        return [e for e in self._audited(user) if e["stage"] == "RequestReceived"]

    def _audited(self, user):
        lines = (self.folder / "audit.log").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        return [e for e in events if user is None or e["user"].get("username") == user]

    def logs(self):
        """The end of every program's log, for a test that has failed."""
        return "\n".join(f"--- {p.name}\n{p.log_tail()}" for p in self.processes.values())


def _is_ready(node):
    return node and any(c["type"] == "Ready" and c["status"] == "True"
                        for c in node.get("status", {}).get("conditions", []))
