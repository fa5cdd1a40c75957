# SPDX-License-Identifier: Apache-2.0
"""One site, whole: its repository and key, its limpet, its part of a cluster."""

from pathlib import Path

from support.limpet import Limpet, site_config
from support.sitefiles import demo_site
from support.siterepo import SiteRepo, make_key, write_allowed_signers


class Site:
    """What a test or the demo holds in its hands.

    repo     SiteRepo: the work tree of the site's people
    remote   Repository: the same on the Git server
    limpet   Limpet: the device; not started
    cluster  Cluster; `prefix` begins the name of everything the site puts there
    key      the operator's key, the only one in the file `signers`
    """

    def __init__(self, folder, prefix, gitserver, cluster, name="demo", **config):
        self.folder = Path(folder)
        self.prefix = prefix
        self.server = gitserver
        self.cluster = cluster
        self.branch = f"site/{name}"
        self.key = make_key(self.folder / "keys", "ops@example.com")
        self.signers = write_allowed_signers(self.folder / "allowed_signers", self.key)
        self.remote = gitserver.create_repo(prefix)
        self.repo = SiteRepo(self.folder / "repo", self.remote, self.branch, self.key)
        settings = site_config(self.folder / "device", repo=self.remote, site=name,
                               kubeconfig=cluster.kubeconfig, signers=self.signers,
                               namespace=self.namespace, **config)
        # The objects that limpet keeps for itself are apart for each test, too.
        settings["cluster"]["namespace"] = f"{prefix}-limpet"
        self.limpet = Limpet(self.folder / "device", settings)

    @property
    def namespace(self):
        """The namespace of the shop, where objects go that name none."""
        return f"{self.prefix}-shop"

    def demo_files(self, **options):
        """The demo site's files under this site's prefix; see sitefiles.demo_site."""
        return demo_site(self.prefix, **options)

    def publish_demo(self, message="Open the shop", **options):
        """Writes, signs and pushes the demo site; returns the commit's id."""
        return self.repo.publish(self.demo_files(**options), message)

    def get(self, kind, name, namespace=None):
        """An object of the cluster or None; in the shop's namespace by default."""
        return self.cluster.api.get(kind, name, namespace or self.namespace)

    def missing(self, keys):
        """Those of sitefiles.keys(...) that are not in the cluster."""
        return [key for key in keys
                if self.cluster.api.get(key.kind, key.name, key.namespace or self.namespace) is None]

    def stranger(self, principal="mallory@example.com", kind="ed25519"):
        """A key that nobody trusts."""
        return make_key(self.folder / "keys", principal, kind)

    def evidence(self):
        """(title, text) of what helps to understand a failure."""
        yield "limpet configuration", self.limpet.config_file.read_text()
        yield "limpet daemon", "\n".join(self.limpet.log().splitlines()[-80:])
        if self.cluster.can_restart:
            yield "control plane", self.cluster.logs()
