# SPDX-License-Identifier: Apache-2.0
"""Writes kubeconfig files in the shapes that people have."""

import base64
from pathlib import Path

import yaml


def write_kubeconfig(path, server, ca, *, certificate=None, token=None, token_file=None,
                     embed=True, mode=0o600):
    """Writes a kubeconfig of one context and returns its path.

    Embedded, as k3s writes it, the certificates are in the file itself; otherwise it
    names their files. A server without TLS has None for its `ca`. The file appears whole or not at all, as k3s rewrites its own.
    """
    def pem(key, file):
        if embed:
            return {f"{key}-data": base64.b64encode(Path(file).read_bytes()).decode()}
        return {key: str(file)}

    cluster = {"server": server} | (pem("certificate-authority", ca) if ca else {})
    user = {}
    if certificate:
        user |= pem("client-certificate", certificate.cert) | pem("client-key", certificate.key)
    if token:
        user["token"] = token
    if token_file:
        user["tokenFile"] = str(token_file)
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "default", "preferences": {},
        "clusters": [{"name": "default", "cluster": cluster}],
        "users": [{"name": "default", "user": user}],
        "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
    }
    path = Path(path)
    temporary = path.with_name(path.name + ".new")
    temporary.touch(mode=mode)
    temporary.chmod(mode)
    temporary.write_text(yaml.safe_dump(config))
    temporary.rename(path)
    return path
