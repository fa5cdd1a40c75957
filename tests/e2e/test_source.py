# SPDX-License-Identifier: Apache-2.0
"""Polls and fetches from a real Git server: what they bring, what they cost, and what is said
when they cannot."""

import os
import re
import socket
import threading
import time
from pathlib import Path

import pytest

from support.fetchrole import CountingProxy, FetchRole
from support.gitserver import GitServer
from support.limits import limit
from support.siterepo import SiteRepo

KEPT_BYTES, NEW_BYTES = 1000, 2500


@pytest.fixture(scope="module")
def server(scratch):
    with GitServer(scratch / "source-git") as server:
        yield server


class Origin:
    """A site's work tree, its repository on the server, and a fetch role for it."""

    def __init__(self, folder, server, name):
        self.folder = folder
        self.server = server
        self.remote = server.create_repo(name)
        self.repo = SiteRepo(folder / "repo", self.remote)
        self.role = FetchRole(folder / "role", self.remote)

    def write(self, count):
        """A commit with `count` files; pushed."""
        return self.repo.publish({f"d{n % 7}/f{n}.yaml": f"name: n{n}\n" + f"v: {n}\n" * 40
                                  for n in range(count)})

    def change(self, text):
        """A commit that changes one file; not pushed."""
        self.repo.write({"d1/f1.yaml": text})
        return self.repo.commit(text)

    def paths(self):
        """The files of the newest commit, as git has them."""
        return sorted(self.repo.git("ls-tree", "-r", "--name-only", "HEAD").splitlines())


@pytest.fixture
def origin(tmp_path, server, request):
    name = re.sub(r"\W+", "-", request.node.name)[:60]
    origin = Origin(tmp_path, server, name)
    with origin.role:
        yield origin
    server.reset()


def tip_is_whole(origin, tip, quarantine=""):
    files = origin.role.files(tip, quarantine)
    assert files["code"] == "ok", files
    assert sorted(files["files"]) == origin.paths()
    return True


# --- what comes -----------------------------------------------------------------------------

def test_a_first_fetch_brings_every_file_of_the_tip_and_no_history(origin):
    first = origin.write(20)
    tip = origin.write(60)
    fetched = origin.role.fetch()
    assert fetched["code"] == "ok" and fetched["tip"] == tip and not fetched["unchanged"]
    assert tip_is_whole(origin, tip, fetched["quarantine"])
    assert origin.role.files(first, fetched["quarantine"])["code"] == "not-found"


def test_nothing_is_in_the_store_before_the_tip_is_accepted(origin):
    tip = origin.write(5)
    origin.role.fetch()
    assert origin.role.files(tip)["code"] == "not-found"
    origin.role.accept()
    assert tip_is_whole(origin, tip)


def test_a_discarded_tip_leaves_the_store_as_it_was(origin):
    tip = origin.write(5)
    origin.role.sync()
    before = origin.role.size()
    refused = origin.change("v: 2\n")
    origin.repo.push()
    assert origin.role.fetch()["tip"] == refused
    origin.role.discard()
    assert origin.role.size() == before and not (origin.role.objects / "incoming").exists()
    assert origin.role.files(refused)["code"] == "not-found"
    assert origin.role.files(tip)["code"] == "ok"


def test_the_accepted_tip_and_a_refused_one_are_not_fetched_again(origin):
    tip = origin.write(5)
    origin.role.sync()
    assert origin.role.fetch()["unchanged"]
    refused = origin.change("v: 2\n")
    origin.repo.push()
    answer = origin.role.fetch(refused=[refused, "1" * 40])
    assert answer["unchanged"] and answer["tip"] == refused and answer["quarantine"] == ""
    assert not origin.role.fetch(refused=[tip])["unchanged"]


@pytest.mark.parametrize("allowed", [True, False], ids=["filter", "no-filter"])
def test_the_commits_between_are_there_and_what_came_before_is_not(origin, allowed):
    origin.remote.allow_filter(allowed)
    older = origin.write(30)
    accepted = origin.change("v: 1\n")
    origin.repo.push()
    origin.role.sync()
    between = [origin.change(f"v: {n}\n") for n in range(2, 12)]
    origin.repo.push()
    fetched = origin.role.fetch()
    assert fetched["ancestry"] and fetched["tip"] == between[-1]
    assert origin.role.walk(between[-1], accepted, fetched["quarantine"]) == "connected"
    assert origin.role.walk(accepted, older, fetched["quarantine"]) == "connected"
    assert origin.role.walk(older, "0" * 40, fetched["quarantine"]) == "gap"
    assert tip_is_whole(origin, between[-1], fetched["quarantine"])
    # With a filter the commits come alone: the first change's file is not there.
    middle = origin.role.files(between[0], fetched["quarantine"])["code"]
    assert middle == ("corrupt" if allowed else "ok")


def test_a_merge_of_a_branch_that_left_before_the_accepted_commit_is_connected(origin):
    origin.remote.allow_filter()
    origin.write(10)
    origin.repo.git("branch", "side")
    accepted = origin.change("v: 1\n")
    origin.repo.push()
    origin.role.sync()
    origin.repo.git("checkout", "-q", "side")
    origin.repo.publish({"side.yaml": "a: 1\n"})
    origin.repo.git("checkout", "-q", "site/demo")
    origin.change("v: 2\n")
    origin.repo.git("merge", "-q", "--no-edit", "side")
    tip = origin.repo.push()
    fetched = origin.role.sync()
    assert fetched["ancestry"] and origin.role.walk(tip, accepted) == "connected"
    assert tip_is_whole(origin, tip)


def line_of(origin, name, count, start=None):
    """A branch of `count` commits with one tree, on the server alone; its tip."""
    tree = origin.repo.git("rev-parse", "HEAD^{tree}")
    first = f"from {start}\n" if start else f"M 040000 {tree} \n"
    origin.remote.git("fast-import", "--quiet", input="".join(
        f"commit refs/heads/{name}\ncommitter a <a@b> {n} +0000\ndata 1\nx\n"
        + (first if n == 1 else "") for n in range(1, count + 1)).encode())
    return origin.remote.tip(name)


@pytest.mark.parametrize("allowed", [True, False], ids=["filter", "no-filter"])
def test_a_long_line_comes_in_pieces(origin, allowed):
    origin.remote.allow_filter(allowed)
    accepted = origin.write(3)
    origin.role.sync()
    tip = line_of(origin, "long", 2 * limit("LP_ANCESTRY_PIECE") + 500, accepted)
    origin.remote.set_branch("site/demo", tip)
    fetched = origin.role.fetch()
    assert fetched["ancestry"], fetched
    assert origin.role.walk(tip, accepted, fetched["quarantine"]) == "connected"
    packs = len(list(Path(fetched["quarantine"]).rglob("*.pack")))
    assert packs == (4 if allowed else 2), "with files nobody knows how many commits come"
    assert packs <= limit("LP_ANCESTRY_PIECES")


def test_a_branch_that_left_far_below_is_followed_to_where_it_left(origin):
    origin.remote.allow_filter()
    origin.write(3)
    line_of(origin, "main-line", 10 * limit("LP_ANCESTRY_BELOW"))
    origin.repo.git("fetch", "-q", origin.remote.path, "main-line")
    origin.repo.git("checkout", "-q", "-B", "site/demo", "FETCH_HEAD")
    accepted = origin.repo.push()
    origin.role.sync()
    origin.repo.git("checkout", "-q", "-b", "side", f"HEAD~{5 * limit('LP_ANCESTRY_BELOW')}")
    origin.repo.write({"side.yaml": "a: 1\n"})
    origin.repo.commit("side")
    origin.repo.git("checkout", "-q", "site/demo")
    origin.change("v: 2\n")
    origin.repo.git("merge", "-q", "--no-edit", "side")
    tip = origin.repo.push()
    fetched = origin.role.fetch()
    assert fetched["ancestry"]
    assert origin.role.walk(tip, accepted, fetched["quarantine"]) == "connected"


@pytest.mark.parametrize("allowed", [True, False], ids=["filter", "no-filter"])
def test_an_unrelated_history_is_told_apart(origin, allowed):
    origin.remote.allow_filter(allowed)
    accepted = origin.write(10)
    origin.role.sync()
    origin.repo.git("checkout", "-q", "--orphan", "other")
    for number in range(5):
        tip = origin.repo.publish({"other.yaml": f"n: {number}\n"})
    fetched = origin.role.fetch()
    assert fetched["code"] == "ok" and fetched["tip"] == tip and fetched["ancestry"]
    assert origin.role.walk(tip, accepted, fetched["quarantine"]) == "unrelated"


def test_a_push_back_to_an_older_commit_is_fetched_for_the_judge(origin):
    older = origin.write(10)
    accepted = origin.change("v: 1\n")
    origin.repo.push()
    origin.role.sync()
    origin.repo.reset(older)
    origin.repo.push()
    fetched = origin.role.fetch()
    assert fetched["code"] == "ok" and fetched["tip"] == older
    assert tip_is_whole(origin, older, fetched["quarantine"])
    assert origin.role.walk(older, accepted, fetched["quarantine"]) != "connected"


def test_an_ancestry_past_the_bound_is_cut_at_the_head_of_its_pack(origin):
    origin.remote.allow_filter()
    origin.write(3)
    origin.role.sync()
    long = line_of(origin, "long", limit("LP_ANCESTRY_COMMITS") + 500)
    origin.remote.set_branch("site/demo", long)
    before = origin.role.fetch(refused=[long])["received"]
    fetched = origin.role.fetch()
    assert fetched["code"] == "ok" and fetched["tip"] == long and not fetched["ancestry"]
    assert fetched["received"] - before < 500_000


# --- the store ------------------------------------------------------------------------------

def test_a_lost_pack_is_noticed_and_everything_comes_anew(origin):
    tip = origin.write(10)
    origin.role.sync()
    for pack in (origin.role.objects / "store").iterdir():
        pack.unlink()
    assert origin.role.files(tip)["code"] == "not-found"
    assert origin.role.fetch()["unchanged"]
    fetched = origin.role.fetch(again=True)
    assert not fetched["unchanged"]
    origin.role.accept()
    assert tip_is_whole(origin, tip)


def test_a_store_that_was_lost_is_no_base_and_the_next_tip_comes_whole(origin):
    origin.write(10)
    origin.role.sync()
    for pack in (origin.role.objects / "store").iterdir():
        pack.unlink()
    tip = origin.change("v: 2\n")
    origin.repo.push()
    origin.role.sync()
    assert tip_is_whole(origin, tip)


def test_an_index_without_its_pack_is_no_base_and_the_next_tip_comes_whole(origin):
    origin.write(10)
    origin.role.sync()
    next((origin.role.objects / "store").glob("*.pack")).unlink()
    tip = origin.change("v: 2\n")
    origin.repo.push()
    origin.role.sync()
    assert tip_is_whole(origin, tip) and origin.role.size()["packs"] == 1


def test_a_damaged_base_is_noticed_and_everything_comes_anew(origin):
    origin.write(10)
    origin.role.sync()
    pack = next((origin.role.objects / "store").glob("*.pack"))
    pack.chmod(0o600)
    with open(pack, "r+b") as file:
        half = pack.stat().st_size // 2     # the commit and the root come before the files
        file.seek(half)
        file.write(b"\0" * (half - 20))
    origin.change("v: 1\n" * 39 + "v: 2\n")
    tip = origin.repo.push()
    origin.role.sync()
    assert origin.role.size()["packs"] == 1 and tip_is_whole(origin, tip)


def test_a_store_that_has_grown_is_replaced_by_a_fresh_one(origin):
    origin.write(10)
    origin.role.sync()
    for number in range(2):
        tip = origin.change(f"v: {number}\n")
        origin.repo.push()
        origin.role.sync()
    assert origin.role.size()["packs"] == 3
    tip = origin.change("v: again\n")
    origin.repo.push()
    origin.role.sync(max_store_bytes=1)
    assert origin.role.size()["packs"] == 1 and tip_is_whole(origin, tip)
    assert sorted(p.name for p in origin.role.objects.iterdir()) == ["store"]


# --- what it costs --------------------------------------------------------------------------

def crowd(origin, tip, count):
    if count > 1:
        origin.remote.crowd(count - 1, tip)


@pytest.mark.parametrize("branches", [1, 5000])
def test_a_poll_without_news_stays_within_its_bytes(tmp_path, origin, branches):
    tip = origin.write(5)
    crowd(origin, tip, branches)
    with CountingProxy(origin.server.port) as proxy:
        url = origin.remote.url.replace(f":{origin.server.port}", f":{proxy.port}")
        with FetchRole(tmp_path / "counted", origin.remote, url=url) as role:
            role.request["accepted"] = tip
            assert role.fetch()["unchanged"]
            new = proxy.total()
            assert role.fetch()["unchanged"]
            kept = proxy.total() - new
            assert proxy.connections == 1
    print(f"{branches} branches: {new} bytes on a new connection, {kept} on a kept one")
    assert kept <= KEPT_BYTES and new <= NEW_BYTES


def test_a_poll_without_news_writes_nothing(origin):
    tip = origin.write(5)
    origin.role.sync()
    before = {p: p.stat() for p in origin.role.objects.rglob("*")}
    for _ in range(5):
        assert origin.role.fetch(accepted=tip)["unchanged"]
    assert {p: p.stat() for p in origin.role.objects.rglob("*")} == before


def test_one_changed_file_of_500_comes_as_a_thin_pack(origin):
    origin.write(500)
    origin.role.sync()
    origin.repo.edit("d1/f1.yaml", "v: 1\n", "v: 2\n")
    origin.repo.commit()
    origin.repo.push()
    poll = origin.role.fetch(refused=[origin.repo.tip()])["received"]
    fetched = origin.role.sync()
    assert fetched["received"] - poll < 2500
    assert tip_is_whole(origin, fetched["tip"])


def test_a_host_name_is_looked_up_from_behind_the_walls(origin):
    tip = origin.write(1)
    url = origin.remote.url.replace("127.0.0.1", "localhost")
    assert origin.role.fetch(url=url)["tip"] == tip
    unknown = origin.remote.url.replace("127.0.0.1", "no-such-host.invalid")
    refused(origin, "transient", "no-such-host.invalid", url=unknown)


def test_the_role_is_walled_in(origin):
    origin.write(1)
    origin.role.fetch()
    status = open(f"/proc/{origin.role.pid()}/status", encoding="ascii").read()
    assert re.search(r"^Seccomp:\t2$", status, re.M) and re.search(r"^NoNewPrivs:\t1$", status, re.M)


# --- what is said when it cannot ------------------------------------------------------------

def refused(origin, code, *words, **changes):
    answer = origin.role.fetch(**changes)
    assert answer["code"] == code, answer
    for word in words:
        assert word in answer["message"], answer
    assert origin.role.size()["packs"] == 0
    return answer


def too_large(origin, *words, **changes):
    """The tip is told to be too large: an answer, not a failure, and nothing is kept."""
    answer = origin.role.fetch(**changes)
    assert answer["code"] == "ok" and answer["quarantine"] == "", answer
    for word in words:
        assert word in answer["too_large"], answer
    assert origin.role.size()["packs"] == 0


def test_a_missing_branch_is_named_with_the_push_that_makes_it(origin):
    origin.repo.write({"a.yaml": "a: 1\n"})
    origin.repo.commit()
    origin.repo.push("main")
    refused(origin, "not-found", "has no branch site/demo",
            "git push origin HEAD:site/demo")


def test_an_empty_repository_is_said_to_be_empty(origin):
    refused(origin, "not-found", "the repository is empty", "git push origin HEAD:site/demo")


def test_a_branch_whose_name_only_begins_like_ours_is_not_ours(origin):
    origin.repo.write({"a.yaml": "a: 1\n"})
    origin.repo.commit()
    origin.repo.push("site/demo2")
    refused(origin, "not-found", "has no branch site/demo;")


def test_a_missing_repository_points_at_the_url(origin):
    refused(origin, "config", "there is no repository", "404", "`url`",
            url=origin.remote.url.replace(".git", "-not.git"))


def test_a_wrong_password_names_the_file(origin):
    origin.write(1)
    origin.role.credentials.write_text("limpet:wrong\n")
    refused(origin, "config", "401", str(origin.role.credentials))


def test_a_changed_password_is_read_anew_and_works(origin):
    tip = origin.write(1)
    origin.server.configure(password="x" * 33)
    assert origin.role.fetch()["code"] == "config"
    origin.role.credentials.write_text(f"limpet:{origin.server.password}\n")
    assert origin.role.fetch()["tip"] == tip


def test_no_credentials_say_where_to_put_them(origin):
    refused(origin, "config", "401", "`credentials`", credentials_file="")


def test_a_credentials_file_of_another_form_says_which_is_expected(origin):
    origin.role.credentials.write_text("token\n")
    refused(origin, "config", str(origin.role.credentials), "user:password")


def test_a_credentials_file_that_others_can_read_is_warned_of_once(origin):
    origin.write(1)
    origin.role.credentials.chmod(0o644)
    assert origin.role.fetch()["code"] == "ok"
    assert origin.role.fetch()["code"] == "ok"
    assert origin.role.log().count("credentials-readable") == 1


def test_a_server_of_another_ca_is_refused_and_told(origin):
    origin.write(1)
    origin.server.configure(certificate="other-ca")
    refused(origin, "config", "is not signed by a CA that is trusted here", "`ca`")


def test_an_expired_certificate_is_refused_and_told(origin):
    origin.write(1)
    origin.server.configure(certificate="expired")
    origin.role.raise_clock(int(time.time()))  # whoever keeps this machine's clock, or does not
    refused(origin, "config", "has expired", "renew")


def test_certificates_are_judged_by_the_clock_that_has_a_floor(origin):
    origin.write(1)
    origin.role.raise_clock(4_102_444_800)      # 2100
    refused(origin, "config", "has expired", "clock")


def test_a_certificate_for_another_host_is_refused_and_told(origin):
    origin.write(1)
    origin.server.configure(certificate="other-host")
    refused(origin, "config", "is for another host name")


def test_a_ca_file_that_is_none_is_named(origin, tmp_path):
    bad = tmp_path / "ca.pem"
    bad.write_text("hello\n")
    refused(origin, "config", str(bad), ca_file=str(bad))
    refused(origin, "config", str(tmp_path / "none.pem"), ca_file=str(tmp_path / "none.pem"))


def test_an_rsa_server_is_reached(origin):
    tip = origin.write(1)
    origin.server.configure(key="rsa")
    assert origin.role.fetch()["tip"] == tip


def test_a_server_with_http1_only_is_reached(origin):
    tip = origin.write(1)
    origin.server.configure(http2=False)
    assert origin.role.fetch()["tip"] == tip


def test_a_server_without_protocol_v2_is_told_what_it_lacks(origin):
    origin.write(1)
    origin.server.configure(protocol_v2=False)
    refused(origin, "config", "does not speak protocol v2", "Git-Protocol")


def test_a_repository_of_sha256_is_an_unsupported_format(origin):
    path = origin.server.repositories / "sha256.git"
    origin.remote.git("init", "-q", "--bare", "--object-format=sha256", path)
    refused(origin, "rejected", "unsupported-format", "SHA-256",
            url=f"{origin.server.url}/sha256.git")


def test_an_unavailable_server_says_how_long_to_wait(origin):
    origin.write(1)
    origin.server.configure(retry_after="120")
    assert refused(origin, "transient", "503")["retry_after_ms"] == 120_000


def test_a_stopped_server_is_transient_and_the_same_role_recovers(origin):
    tip = origin.write(1)
    assert origin.role.fetch()["code"] == "ok"
    origin.server.stop()
    refused(origin, "transient")
    origin.server.start()
    assert origin.role.fetch()["tip"] == tip


def test_a_server_that_hangs_ends_with_the_deadline(origin):
    origin.write(1)
    origin.server.freeze_backend()
    refused(origin, "transient", deadline_ms=1500)


def test_a_pack_cut_in_the_middle_is_transient_and_leaves_nothing(tmp_path, origin):
    origin.repo.publish({"big.bin": os.urandom(400_000)})
    with CountingProxy(origin.server.port, cut_after=100_000) as proxy:
        url = origin.remote.url.replace(f":{origin.server.port}", f":{proxy.port}")
        refused(origin, "transient", url=url)
    assert list((origin.role.objects / "incoming").glob("pack*.idx")) == []
    assert tip_is_whole(origin, origin.role.sync()["tip"])


def web_page(*answers):
    """A server on loopback without TLS that gives these answers, and the last one for ever."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        left = list(answers)
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.recv(65536)
            try:
                connection.sendall(left.pop(0) if len(left) > 1 else left[0])
            except OSError:
                pass        # the client has heard enough
            connection.close()
    threading.Thread(target=serve, daemon=True).start()
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("answer,code,words", [
    (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>",
     "transient", ["text/html", "`url`", "login page"]),
    (b"HTTP/1.1 302 Found\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n\r\n",
     "config", ["302", "redirects are not followed"]),
    (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "config", ["403", "right to read"]),
    (b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\n"
     b"Content-Length: 9\r\n\r\nnonsense!", "rejected", ["no pkt-line"]),
    (b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\n"
     b"Content-Length: 20\r\n\r\n0014ERR go away \x1b[1m\n", "config", ["go away"]),
], ids=["html", "redirect", "forbidden", "nonsense", "refusal"])
def test_an_answer_that_is_no_git_servers_is_told_for_what_it_is(origin, answer, code, words):
    listener, url = web_page(answer)
    try:
        said = refused(origin, code, *words, url=f"{url}/a.git", ca_file="")["message"]
        assert "\x1b" not in said
    finally:
        listener.close()


# --- limits ---------------------------------------------------------------------------------

def test_a_pack_of_too_many_bytes_is_refused_at_the_limit(origin):
    origin.repo.publish({"big.bin": os.urandom(300_000)})
    too_large(origin, "bytes of the pack", "100000 are allowed", max_pack_bytes=100_000)


def test_a_blob_that_inflates_past_its_limit_is_refused_before_it_is_stored(origin):
    most = limit("LP_BLOB_BYTES")
    origin.repo.publish({"bomb.yaml": b"\0" * (most + 1)})
    too_large(origin, str(most + 1), f"{most} are allowed")


def git_answer(kind, body):
    """An HTTP answer of a Git server."""
    return (f"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-{kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def pkt(text):
    return f"{len(text) + 5:04x}{text}\n".encode()


def lines_of(size, start, first=b"", last=b"0000"):
    """Lines that begin with start, between first and last: `size` bytes all in all."""
    left = size - len(first) - len(last)
    sizes = [1000] * (left // 1000 - 1)
    sizes.append(left - sum(sizes))
    return first + b"".join(pkt(start + "x" * (n - 5 - len(start))) for n in sizes) + last


@pytest.mark.parametrize("more, code, word", [(0, "not-found", "has no branch"), (1, "limit", "bytes")])
def test_an_answer_with_refs_without_end_is_left(origin, more, code, word):
    most = limit("LP_REFS_BYTES")
    refs = lines_of(most + more, "0" * 40 + " refs/heads/site/demo")
    listener, url = web_page(git_answer("result", refs))
    with listener:
        refused(origin, code, f"{most} {word}" if more else word, url=f"{url}/a.git", ca_file="")


@pytest.mark.parametrize("more, code, word", [
    (0, "rejected", "unsupported-format"), (1, "transient", "cut short")])
def test_capabilities_without_end_are_left_and_the_first_error_stands(origin, more, code, word):
    lines = lines_of(limit("LP_CAPABILITY_BYTES") + more, "x", pkt("version 2"),
                     pkt("object-format=sha256") + b"0000")
    listener, url = web_page(git_answer("result", b""), git_answer("advertisement", lines))
    with listener:
        refused(origin, code, word, url=f"{url}/a.git", ca_file="")


@pytest.mark.parametrize("more, word", [(0, "401"), (1, "more than")])
def test_a_credentials_file_past_its_limit_is_refused(origin, more, word):
    origin.write(1)
    login = "limpet:"
    origin.role.credentials.write_text(login + "x" * (limit("LP_CREDENTIAL_FILE") + more - len(login)))
    refused(origin, "config", str(origin.role.credentials), word)


@pytest.mark.parametrize("more, packs", [(0, 2), (1, 1)])
def test_a_store_of_too_many_bytes_is_replaced(origin, more, packs):
    origin.write(5)
    origin.role.sync()
    left = limit("LP_STORE_BYTES") + more - origin.role.size()["bytes"]
    with open(origin.role.objects / "store" / "left.pack", "wb") as file:
        file.truncate(left)     # a hole: it takes no room on the disk
    tip = origin.change("v: 1\n")
    origin.repo.push()
    origin.role.sync()
    assert origin.role.size()["packs"] == packs and tip_is_whole(origin, tip)


def test_a_store_of_too_many_packs_is_replaced(origin):
    origin.write(5)
    origin.role.sync()
    store = origin.role.objects / "store"
    pair = list(store.iterdir())
    for n in range(limit("LP_STORE_PACKS")):
        for file in pair:
            (store / f"pack-{n:040x}{file.suffix}").write_bytes(file.read_bytes())
    assert origin.role.size()["packs"] == limit("LP_STORE_PACKS") + 1
    tip = origin.change("v: 1\n")
    origin.repo.push()
    origin.role.sync()
    assert origin.role.size()["packs"] == 1 and tip_is_whole(origin, tip)


def test_an_ancestry_of_too_many_bytes_is_cut(origin):
    origin.write(3)
    origin.role.sync()
    for _ in range(3):
        origin.repo.publish({"big.bin": os.urandom(limit("LP_ANCESTRY_BYTES") // 3 + 1)})
    tip = origin.repo.publish({"big.bin": b"small\n"})
    fetched = origin.role.fetch()
    assert fetched["code"] == "ok" and not fetched["ancestry"]
    assert tip_is_whole(origin, tip, fetched["quarantine"])


def test_a_tree_object_past_its_limit_is_not_read(origin):
    origin.write(1)
    blob = bytes.fromhex(origin.remote.plant("blob", b"hello\n"))
    tree = origin.remote.plant("tree", b"".join(
        f"100644 {n:06}".encode() + b"x" * 220 + b"\0" + blob for n in range(18_000)))
    commit = origin.remote.plant("commit", f"tree {tree}\nauthor a <a@b> 1 +0000\n"
                                 "committer a <a@b> 1 +0000\n\nx\n".encode())
    origin.remote.set_branch("site/demo", commit)
    fetched = origin.role.fetch()
    files = origin.role.files(commit, fetched["quarantine"])
    assert files["code"] == "limit" and str(limit("LP_TREE_BYTES")) in files["message"]


def test_a_branch_that_points_at_no_commit_is_malformed(origin):
    origin.write(1)
    blob = origin.remote.plant("blob", b"hello\n")
    origin.remote.set_branch("site/demo", blob)
    refused(origin, "rejected", "malformed")


def test_a_tree_with_dotgit_in_it_is_refused_by_name(origin):
    origin.write(1)
    blob = origin.remote.plant("blob", b"hello\n")
    tree = origin.remote.plant("tree", b"100644 .GIT\0" + bytes.fromhex(blob))
    commit = origin.remote.plant("commit", f"tree {tree}\nauthor a <a@b> 1 +0000\n"
                                 "committer a <a@b> 1 +0000\n\nx\n".encode())
    origin.remote.set_branch("site/demo", commit)
    fetched = origin.role.fetch()
    assert fetched["code"] == "ok"
    files = origin.role.files(commit, fetched["quarantine"])
    assert files["code"] == "rejected" and '".GIT"' in files["message"]
