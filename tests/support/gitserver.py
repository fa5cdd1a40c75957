# SPDX-License-Identifier: Apache-2.0
"""A real Git server over TLS on loopback: nginx, fcgiwrap and git http-backend.

Everything a site's network does to the agent has a switch here: refuse, hang, 503,
another certificate, another password, no filter, no protocol v2.
"""

import json
import os
import shutil
import socket
import ssl
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from support.pki import Authority, Certificate
from support.processes import free_port, record, spawn
from support.waiting import wait_until

NGINX_CONF = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 256; }}
http {{
	log_format requests escape=json '{{"time":$msec,"method":"$request_method",'
		'"uri":"$request_uri","status":$status,"user":"$remote_user",'
		'"received":$request_length,"sent":$bytes_sent,"seconds":$request_time,'
		'"protocol":"$server_protocol","tls":"$ssl_protocol","resumed":"$ssl_session_reused",'
		'"connection":$connection,"connection_requests":$connection_requests,'
		'"git_protocol":"$http_git_protocol"}}';
	access_log {folder}/requests.log requests;
	client_body_temp_path {folder}/nginx/body;
	fastcgi_temp_path {folder}/nginx/fastcgi;
	proxy_temp_path {folder}/nginx/proxy;
	scgi_temp_path {folder}/nginx/scgi;
	uwsgi_temp_path {folder}/nginx/uwsgi;
	client_max_body_size 0;
	fastcgi_buffering off;
	server {{
		listen 127.0.0.1:{port} ssl{http2};
		ssl_certificate {cert};
		ssl_certificate_key {key};
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_session_cache shared:tls:1m;
		keepalive_timeout {keepalive_s}s;
		limit_rate {bytes_per_second};
		auth_basic "site repositories";
		auth_basic_user_file {folder}/passwords;
		{unavailable}
		location / {{
			fastcgi_pass unix:{folder}/fcgi.sock;
			fastcgi_read_timeout 600s;
			fastcgi_param REQUEST_METHOD $request_method;
			fastcgi_param QUERY_STRING $query_string;
			fastcgi_param CONTENT_TYPE $content_type;
			fastcgi_param CONTENT_LENGTH $content_length;
			fastcgi_param REMOTE_USER $remote_user;
			fastcgi_param REMOTE_ADDR $remote_addr;
			fastcgi_param PATH_INFO $uri;
			fastcgi_param SCRIPT_FILENAME {backend};
			fastcgi_param GIT_PROJECT_ROOT {repositories};
			fastcgi_param GIT_HTTP_EXPORT_ALL "";
			{git_protocol}
		}}
	}}
}}
"""

# Nothing of the user's or the machine's own Git settings may change what is tested.
GIT_ISOLATION = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
                 "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def git_environment(home):
    """The environment for git, without the user's own settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return {**kept, **GIT_ISOLATION, "HOME": str(home)}


class Repository:
    """A bare repository on the server."""

    def __init__(self, server, name, path):
        self.server = server
        self.name = name
        self.path = path

    @property
    def url(self):
        """Its address, without user and password."""
        return f"{self.server.url}/{self.name}.git"

    def git(self, *args, input=None):
        """Runs git in the repository itself, past the server; returns its output."""
        done = subprocess.run(
            ["git", "-C", str(self.path), *map(str, args)], env=git_environment(self.server.folder),
            input=input, stdin=subprocess.DEVNULL if input is None else None, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"git {args[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="surrogateescape").strip()

    def configure(self, key, value):
        """Sets a Git setting of this repository."""
        self.git("config", key, value)

    def allow_filter(self, allowed=True):
        """Whether the server says `filter` in its capabilities."""
        self.configure("uploadpack.allowFilter", "true" if allowed else "false")

    def tip(self, branch):
        """The object id of the branch."""
        return self.git("rev-parse", "--verify", f"refs/heads/{branch}")

    def plant(self, kind, data):
        """Stores an object byte for byte, also one that git itself would refuse; its id."""
        return self.git("hash-object", "-w", "--literally", "-t", kind, "--stdin", input=data)

    def set_branch(self, branch, oid):
        """Points the branch at an object, whatever that is."""
        path = self._ref_file(branch)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(oid + "\n")

    def unset_branch(self, branch):
        """Takes set_branch back: git refuses pushes over a branch that it cannot read."""
        self._ref_file(branch).unlink(missing_ok=True)

    def _ref_file(self, branch):
        return self.path / "refs" / "heads" / branch

    def delete_branch(self, branch):
        """Removes the branch."""
        self.git("update-ref", "-d", f"refs/heads/{branch}")

    def crowd(self, count, oid, prefix="site/crowd-"):
        """Adds branches that nobody asks for, for the price of a poll among many."""
        lines = "".join(f"create refs/heads/{prefix}{n:05} {oid}\n" for n in range(count))
        self.git("update-ref", "--stdin", input=lines.encode())
        self.git("pack-refs", "--all")


@dataclass(frozen=True)
class Settings:
    """What `GitServer.configure` can change."""
    user: str = "limpet"
    password: str = "ghp_0123456789abcdefghijklmnopqrs"     # user:password is 40 characters
    certificate: str = "good"       # good, expired, future, other-ca, other-host
    key: str = "ecdsa"              # ecdsa (P-256) or rsa (2048)
    http2: bool = True
    keepalive_s: int = 75           # how long an idle connection is kept; 0: not at all
    protocol_v2: bool = True        # whether git hears of the client's Git-Protocol header
    retry_after: str = None         # when set, everything is answered 503 with that header
    unavailable: bool = False       # everything is answered 503
    bytes_per_second: int = 0       # of one answer; 0: no limit


@dataclass(frozen=True)
class Request:
    """A line of the access log."""
    time: float
    method: str
    uri: str
    status: int
    user: str
    received: int
    sent: int
    seconds: float
    protocol: str
    tls: str
    resumed: str
    connection: int
    connection_requests: int
    git_protocol: str


class GitServer:
    """The server; a context manager. `url`, `ca_file`, `user`, `password` say how to reach it."""

    def __init__(self, folder, *, detached=False, **settings):
        self.folder = Path(folder).resolve()
        self.detached = detached
        self.settings = self._first_settings = Settings(**settings)
        self.port = free_port()
        self.repositories = self.folder / "repositories"
        self._nginx = None
        self._backend = None
        self._authority = None
        self._stranger = None

    # --- how to reach it ----------------------------------------------------------------

    @property
    def url(self):
        """Where it listens; repositories lie below."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self):
        """The certificate of the authority that a client must trust."""
        return self._authority.cert

    @property
    def user(self):
        """The user name that the server accepts."""
        return self.settings.user

    @property
    def password(self):
        """The password that the server accepts."""
        return self.settings.password

    def client_environment(self, home):
        """The environment in which a git client reaches the server, and no other settings."""
        pairs = {"http.sslCAInfo": self.ca_file,
                 f"credential.{self.url}.helper":
                     f"!f() {{ echo username={self.user}; echo password={self.password}; }}; f"}
        env = git_environment(home)
        env["GIT_CONFIG_COUNT"] = str(len(pairs))
        for number, (key, value) in enumerate(pairs.items()):
            env[f"GIT_CONFIG_KEY_{number}"] = key
            env[f"GIT_CONFIG_VALUE_{number}"] = str(value)
        return env

    # --- start and stop -----------------------------------------------------------------

    def start(self):
        """Starts it at the same port as before; returns itself."""
        (self.folder / "nginx").mkdir(parents=True, exist_ok=True)
        self.repositories.mkdir(exist_ok=True)
        self._authority = Authority(self.folder / "pki", "git-ca")
        self._stranger = Authority(self.folder / "pki", "stranger-ca")
        (self.folder / "fcgi.sock").unlink(missing_ok=True)
        self._backend = spawn(
            [_program("fcgiwrap"), "-c", "4", "-s", f"unix:{self.folder}/fcgi.sock"],
            name="fcgiwrap", folder=self.folder, env=git_environment(self.folder),
            detached=self.detached)
        wait_until((self.folder / "fcgi.sock").exists, "fcgiwrap", 10, 0.01, self._backend.check)
        self._start_nginx()
        return self

    def _start_nginx(self):
        s = self.settings
        certificate = self._certificate()
        unavailable = ""
        if s.unavailable or s.retry_after is not None:
            unavailable = "return 503;"
            if s.retry_after is not None:
                unavailable = f'add_header Retry-After "{s.retry_after}" always; ' + unavailable
        self._write_passwords()
        (self.folder / "nginx.conf").write_text(NGINX_CONF.format(
            folder=self.folder, port=self.port, cert=certificate.cert, key=certificate.key,
            user="user root;" if os.getuid() == 0 else "", http2=" http2" if s.http2 else "",
            keepalive_s=s.keepalive_s, bytes_per_second=s.bytes_per_second,
            unavailable=unavailable, repositories=self.repositories,
            backend=_http_backend(),
            git_protocol="" if s.protocol_v2 else 'fastcgi_param HTTP_GIT_PROTOCOL "";'))
        self._nginx = spawn(
            [_program("nginx"), "-e", f"{self.folder}/nginx-error.log", "-p", self.folder,
             "-c", self.folder / "nginx.conf"],
            name="nginx", folder=self.folder, detached=self.detached)
        wait_until(self._answers, "nginx", 10, 0.01, self._check_nginx)
        if self.detached:
            record(self.processes, self.folder / "processes.json")

    @property
    def processes(self):
        """The processes that run now."""
        return [process for process in (self._backend, self._nginx) if process is not None]

    def _check_nginx(self):
        if not self._nginx.is_running():
            raise RuntimeError((self.folder / "nginx-error.log").read_text() or "nginx has ended")

    def _answers(self):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.port), 1) as raw:
            with tls.wrap_socket(raw):
                return True

    def _write_passwords(self):
        (self.folder / "passwords").write_text(f"{self.user}:{{PLAIN}}{self.password}\n")

    def _certificate(self):
        kind, key = self.settings.certificate, self.settings.key
        authority = self._stranger if kind == "other-ca" else self._authority
        hosts = ["DNS:git.example.net"] if kind == "other-host" else ["IP:127.0.0.1",
                                                                      "DNS:localhost"]
        file = f"server-{kind}-{key}"
        known = Certificate(authority.folder / f"{file}.crt", authority.folder / f"{file}.key")
        if known.cert.exists():
            return known
        return authority.issue(file, "git", hosts=hosts, kind=key,
                               expired=kind == "expired", future=kind == "future")

    def stop(self):
        """Ends it: connections are refused. `start` brings it back as it was."""
        for process in self.processes:
            process.kill()
        self._nginx = self._backend = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # --- faults ---------------------------------------------------------------------------

    def configure(self, **changes):
        """Changes settings (see Settings). Kept connections are closed, except that user
        and password change under them."""
        self.settings = replace(self.settings, **changes)
        if set(changes) <= {"user", "password"}:
            self._write_passwords()
        elif self._nginx is not None:
            self._nginx.kill()
            self._start_nginx()

    def reset(self):
        """Takes all changes of `configure`, `freeze` and `stop` back."""
        if self._nginx is None:
            self.start()
        self.thaw()
        if self.settings != self._first_settings:
            self.settings = self._first_settings
            self._nginx.kill()
            self._start_nginx()

    def freeze(self):
        """From now on connections are accepted, and nothing is ever answered."""
        self._nginx.freeze()

    def freeze_backend(self):
        """From now on TLS and HTTP work, but git does not answer."""
        self._backend.freeze()

    def thaw(self):
        """Undoes freeze and freeze_backend."""
        self._nginx.thaw()
        self._backend.thaw()

    # --- repositories and what was asked of them --------------------------------------------

    def create_repo(self, name):
        """A new empty bare repository, which can also be pushed to over TLS."""
        path = self.repositories / f"{name}.git"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True,
                       env=git_environment(self.folder))
        repository = Repository(self, name, path)
        repository.configure("http.receivepack", "true")
        repository.configure("gc.auto", "0")
        return repository

    def requests(self, repo=None, since=0):
        """The requests so far, oldest first; of one Repository, without its first `since`.

        A request is listed when its answer has been sent.
        """
        lines = (self.folder / "requests.log").read_text().splitlines()
        found = [Request(**json.loads(line)) for line in lines]
        if repo is not None:
            found = [r for r in found if r.uri.startswith(f"/{repo.name}.git/")]
        return found[since:]


def _program(name):
    """nginx and fcgiwrap lie in /usr/sbin, which is not on everybody's PATH."""
    found = shutil.which(name) or shutil.which(f"/usr/sbin/{name}")
    if found is None:
        raise FileNotFoundError(f"{name} is missing; tests/packages.txt names what is needed")
    return found


def _http_backend():
    folder = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True)
    return Path(folder.stdout.strip()) / "git-http-backend"
