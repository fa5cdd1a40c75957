# SPDX-License-Identifier: Apache-2.0
"""What the story is told on: a cluster, a Git server, a site with its key and its limpet."""

import secrets
import subprocess
from pathlib import Path

from support.controlplane import ControlPlane, ExternalCluster
from support.gitserver import GitServer, git_environment
from support.processes import keeper, record
from support.site import Site


class Stage:
    """Everything that is started or made. `close` ends and removes it.

    With `keep` the servers are started so that `leave` can let them live on; until then
    they end with this process, as they do without.
    """

    def __init__(self, teller, folder, kubeconfig=None, keep=False):
        self.teller = teller
        self.folder = Path(folder)
        self.kubeconfig = kubeconfig
        self.keep = keep
        self.prefix = f"limpet-demo-{secrets.token_hex(3)}" if kubeconfig else "demo"
        self.cluster = self.server = self.site = None

    @property
    def is_ours(self):
        """Whether the cluster is a control plane of our own."""
        return not self.kubeconfig

    # --- setting up ---------------------------------------------------------------------

    def start_cluster(self):
        """The control plane, or the cluster that is there."""
        if not self.is_ours:
            self.cluster = ExternalCluster(self.kubeconfig, self.folder / "cluster")
            with self.teller.step(f"the cluster of {self.kubeconfig}") as step:
                version = self.cluster.api.request("GET", "/version")["gitVersion"]
                step.label = f"the cluster of {self.kubeconfig}: Kubernetes {version}"
            self.teller.say(f"Everything that is put there begins with {self.prefix}, and is"
                            " deleted at the end.")
            return
        # Without the API server's watch cache a namespace is gone in 10 seconds, not in 30.
        self.cluster = ControlPlane(self.folder / "cluster", detached=self.keep, watch_cache=False)
        with self.teller.step("control plane") as step:
            self.cluster.start()
            self._guard(*self.cluster.processes.values())
            version = self.cluster.api.request("GET", "/version")["gitVersion"]
            step.label = f"control plane: Kubernetes {version} at {self.cluster.url}"
        self.teller.fact("The real kube-apiserver, kube-controller-manager and kube-scheduler on"
                         " kine over SQLite, as in k3s; kwok plays the node and its kubelet.")

    def start_server(self):
        """The Git server; also again, at the same port, after it was stopped."""
        if self.server is None:
            self.server = GitServer(self.folder / "git", detached=self.keep)
        self.server.start()
        self._guard(*self.server.processes)

    def make_site(self):
        """The operator's key, the repository, and a device that trusts that key alone."""
        self.site = Site(self.folder, self.prefix, self.server, self.cluster)
        git = self.site.repo.git
        credentials = self.folder / "repo" / "credentials"
        credentials.touch(mode=0o600)
        credentials.write_text(self.server.url.replace(
            "://", f"://{self.server.user}:{self.server.password}@") + "\n")
        git("config", "user.signingkey", self.site.key.path)
        git("config", f"http.{self.server.url}.sslCAInfo", self.server.ca_file)
        git("config", f"credential.{self.server.url}.helper", f"store --file={credentials}")
        git("remote", "add", "origin", self.site.remote.url)

    def start_limpet(self):
        """`limpet run`, in the background."""
        self.site.limpet.start(detached=self.keep)
        self._guard(self.site.limpet.daemon)

    def work(self, line):
        """Shows a shell command and runs it in the site's work tree."""
        self.teller.command(line)
        repo = self.site.repo
        done = subprocess.run(["sh", "-c", line], cwd=repo.root, env=git_environment(repo.home),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{line}: exit {done.returncode}\n{done.stderr.strip()}")

    def limpet(self, *words, exit_code=0):
        """Shows a subcommand of limpet, runs it and shows what it prints.

        It must end with `exit_code`.
        """
        self.teller.command(f"limpet {' '.join(words)}")
        with self.teller.step(f"exit status {exit_code}"):
            result = self.site.limpet.run(*words)
            if result.code != exit_code:
                raise RuntimeError(f"limpet {' '.join(words)}: exit status {result.code}, not"
                                   f" {exit_code}\n{result.err}{result.out}")
        self.teller.output(result.err + result.out)

    # --- the end ------------------------------------------------------------------------

    def _guard(self, *processes):
        """A detached process is told to the keeper, in case this one is killed."""
        if self.keep:
            for process in processes:
                keeper().watch(process.leader)

    def leave(self):
        """Lets everything live on, and writes down what `--end` needs."""
        if self.site and self.site.limpet.daemon:
            record([self.site.limpet.daemon], self.folder / "device" / "processes.json")
        keeper().spare()

    def close(self):
        """Ends what was started, and deletes what was put into somebody's cluster."""
        if self.site:
            self.site.limpet.close()
        if self.server:
            self.server.stop()
        if self.cluster and self.is_ours:
            self.cluster.stop()
        elif self.cluster and self.site:
            with self.teller.step(f"{self.prefix}* deleted from the cluster again"):
                self.cluster.remove_all(self.prefix, timeout=180)

    def evidence(self):
        """(title, text) of what helps to understand a failure."""
        if self.site is None:
            if self.cluster and self.is_ours:
                yield "The ends of the control plane's logs", self.cluster.logs()
            return
        try:
            status = self.site.limpet.run("status")
            yield "limpet status", status.err + status.out
        except Exception as error:  # noqa: BLE001: this may be what is wrong
            yield "limpet status", str(error)
        yield "The end of limpet's log", "\n".join(self.site.limpet.log().splitlines()[-30:])

