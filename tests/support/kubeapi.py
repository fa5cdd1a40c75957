# SPDX-License-Identifier: Apache-2.0
"""A small client of the Kubernetes API, so that a test that waits need not start kubectl
twenty times a second."""

import base64
import http.client
import json
import ssl
import tempfile
import threading
import urllib.parse
from pathlib import Path

import yaml

_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class ApiError(RuntimeError):
    """The API server answered with an error; `code` is the HTTP status."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class Resource:
    """A kind that the server knows, as discovery tells it."""

    def __init__(self, group, version, entry):
        self.group, self.version = group, version
        self.kind = entry["responseKind"]["kind"]
        self.plural = entry["resource"]
        self.namespaced = entry["scope"] == "Namespaced"
        self.verbs = entry.get("verbs", [])
        self.full_name = f"{self.plural}.{group}" if group else self.plural
        self.names = {name.lower() for name in (
            self.kind, self.plural, self.full_name, f"{self.kind}.{group}",
            entry.get("singularResource") or self.kind, *entry.get("shortNames", []))}

    def path(self, namespace=None, name=None):
        """The URL path of the collection, or of one object in it."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        return "/" + "/".join(parts + [self.plural] + ([name] if name else []))


def _pem(folder, entry, key):
    """The file of a kubeconfig entry, written out when the entry holds the bytes."""
    if f"{key}-data" in entry:
        path = Path(folder) / key
        path.write_bytes(base64.b64decode(entry[f"{key}-data"]))
        path.chmod(0o600)
        return path
    return entry.get(key)


class KubeApi:
    """Requests with the rights of a kubeconfig's current context."""

    def __init__(self, kubeconfig):
        config = yaml.safe_load(Path(kubeconfig).read_text())

        def named(kind, name):
            return next(e for e in config[f"{kind}s"] if e["name"] == name)[kind]

        context = named("context", config["current-context"])
        cluster, user = named("cluster", context["cluster"]), named("user", context["user"])
        self._url = urllib.parse.urlsplit(cluster["server"])
        self._token = user.get("token")
        with tempfile.TemporaryDirectory() as folder:
            self._tls = ssl.create_default_context(
                cafile=_pem(folder, cluster, "certificate-authority"))
            if "client-certificate" in user or "client-certificate-data" in user:
                self._tls.load_cert_chain(_pem(folder, user, "client-certificate"),
                                          _pem(folder, user, "client-key"))
        self._connection = None
        self._resources = []
        self._lock = threading.RLock()

    def _send(self, method, path, body, headers):
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                self._url.hostname, self._url.port or 443, context=self._tls, timeout=30)
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def request(self, method, path, body=None, content_type="application/json",
                accept="application/json"):
        """One request; returns the parsed answer, or its text if that is not JSON.

        Raises ApiError for a status of 400 and above, and OSError or HTTPException when
        the server cannot be reached.
        """
        headers = {"Accept": accept}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            headers["Content-Type"] = content_type
            body = body if isinstance(body, (bytes, str)) else json.dumps(body)
        with self._lock:
            kept = self._connection is not None
            try:
                status, data = self._send(method, path, body, headers)
            except (OSError, http.client.HTTPException):
                self.close()
                if not kept or method not in ("GET", "PUT", "PATCH"):
                    raise
                # The server may have closed the kept connection at any time: once more.
                try:
                    status, data = self._send(method, path, body, headers)
                except (OSError, http.client.HTTPException):
                    self.close()
                    raise
        try:
            data = json.loads(data)
        except ValueError:
            data = data.decode(errors="replace")
        if status >= 400:
            raise ApiError(status, data.get("message") if isinstance(data, dict) else data)
        return data

    def close(self):
        """Closes the kept connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def resources(self):
        """Every kind that the server knows now, the preferred version of each first."""
        found = []
        for path in ("/api", "/apis"):
            for group in self.request("GET", path, accept=_DISCOVERY)["items"]:
                for version in group["versions"]:
                    found += [Resource(group["metadata"].get("name", ""), version["version"], entry)
                              for entry in version.get("resources", [])]
        self._resources = found
        return found

    def resource(self, name):
        """The kind called so: kind, plural, singular or short name, kind.group or plural.group."""
        for resources in (lambda: self._resources, self.resources):
            for resource in resources():
                if name.lower() in resource.names:
                    return resource
        raise LookupError(f"the server knows no {name}")

    def get(self, kind, name, namespace="default"):
        """The object, or None when there is none."""
        try:
            return self.request("GET", self.resource(kind).path(namespace, name))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(self, kind, namespace=None, selector=None):
        """The objects of a kind, in all namespaces by default, as kubectl's -l selects them."""
        path = self.resource(kind).path(namespace)
        if selector:
            path += "?labelSelector=" + urllib.parse.quote(selector)
        return self.request("GET", path)["items"]

    def apply(self, manifest, manager="test"):
        """Server-side apply of one object, by force; returns it as it is now."""
        resource = self.resource(manifest["kind"])
        meta = manifest["metadata"]
        path = resource.path(meta.get("namespace", "default"), meta["name"])
        return self.request("PATCH", f"{path}?fieldManager={manager}&force=true", manifest,
                            content_type="application/apply-patch+yaml")

    def patch(self, kind, name, patch, namespace="default", manager="test"):
        """A merge patch of one object; returns it as it is now."""
        path = self.resource(kind).path(namespace, name)
        return self.request("PATCH", f"{path}?fieldManager={manager}", patch,
                            content_type="application/merge-patch+json")

    def delete(self, kind, name, namespace="default"):
        """Deletes the object in the background; returns whether there was one."""
        try:
            self.request("DELETE", self.resource(kind).path(namespace, name))
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        return True
