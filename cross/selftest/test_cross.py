#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What cross/build says and leaves behind when something is wrong. Builds nothing, needs no network: about a second."""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
CROSS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CROSS / "lib"))

import common  # noqa: E402
import prefix  # noqa: E402
import sources  # noqa: E402
import targets  # noqa: E402


class InACache(unittest.TestCase):
    def setUp(self):
        there = tempfile.TemporaryDirectory()
        self.addCleanup(there.cleanup)
        self.cache = pathlib.Path(there.name)
        change = mock.patch.dict(os.environ, {"LIMPET_CACHE": there.name})
        change.start()
        self.addCleanup(change.stop)

    def finished(self):
        final = self.cache / "deps/x"
        with prefix.staging(final) as out:
            (out / "lib").mkdir()
            (out / "lib/libx.a").write_text("good")
        return final

    @contextlib.contextmanager
    def refused(self, *words):
        with self.assertRaises(common.Failure) as caught:
            yield
        for word in words:
            self.assertIn(word, str(caught.exception))


class Prefixes(InACache):
    def test_a_finished_prefix_verifies(self):
        prefix.verify(self.finished(), "again")

    def test_an_altered_file_is_named_with_the_way_out(self):
        final = self.finished()
        (final / "lib/libx.a").write_text("evil")
        with self.refused("lib/libx.a was altered", f"rm -r '{final}' && cross/build host"):
            prefix.verify(final, "cross/build host")

    def test_a_missing_file_is_named_with_the_way_out(self):
        final = self.finished()
        (final / "lib/libx.a").unlink()
        with self.refused("lib/libx.a is missing", "rm -r"):
            prefix.verify(final, "cross/build host")

    def test_a_missing_manifest_is_not_taken_for_a_good_prefix(self):
        final = self.finished()
        (final / prefix.MANIFEST).unlink()
        with self.refused("manifest.sha256 is missing"):
            prefix.verify(final, "cross/build host")

    def test_an_interrupted_build_leaves_nothing(self):
        with self.assertRaises(KeyboardInterrupt), prefix.staging(self.cache / "deps/x") as out:
            (out / "half").write_text("")
            raise KeyboardInterrupt
        self.assertEqual(list((self.cache / "deps").iterdir()), [])

    def test_what_a_killed_build_left_goes_at_the_next_one(self):
        (self.cache / "deps/x.building-1").mkdir(parents=True)
        self.finished()
        self.assertEqual([p.name for p in (self.cache / "deps").iterdir()], ["x"])


class Sources(InACache):
    def lock(self, text):
        path = self.cache / "deps.lock"
        path.write_text(text)
        change = mock.patch.object(sources, "LOCK", path)
        change.start()
        self.addCleanup(change.stop)

    def test_an_altered_download_is_named_with_the_way_out(self):
        _, hashes = sources.read_lock()
        file = "libyaml_0.2.5.orig.tar.gz"
        sources.path(file).write_text("not this")
        with self.refused(file, f"rm '{sources.path(file)}'"):
            sources.fetch(["libyaml"])
        self.assertEqual(sources.path(file).read_text(), "not this")
        self.assertIn(file, hashes)

    def test_a_file_that_cannot_be_fetched_is_named(self):
        class Empty:
            def __init__(self, *_):
                self.versions = {}

            def download(self, *_):
                pass

            def offers(self, _):
                return {"libyaml_0.2.5-9.debian.tar.xz"}

        with mock.patch.object(sources, "Apt", Empty), mock.patch.object(sources, "archives", lambda: {"trixie": ""}):
            with self.refused("libyaml_0.2.5.orig.tar.gz", "index has libyaml_0.2.5-9", "by hand", "Raising a version"):
                sources.fetch(["libyaml"])

    def test_a_crooked_line_of_the_lock_is_named(self):
        self.lock("# fine\nabc  libyaml_0.2.5.orig.tar.gz\n")
        with self.refused("deps.lock:2", "SHA256  PACKAGE"):
            sources.read_lock()

    def test_the_newest_patches_that_are_there_are_taken(self):
        self.lock(f"{'0' * 64}  x_1.orig.tar.gz\n{'1' * 64}  x_1-2.debian.tar.xz\n{'2' * 64}  x_1-1.debian.tar.xz\n")
        package = sources.read_lock()[0]["x"]
        self.assertEqual(package.version(), "1")
        sources.path("x_1-1.debian.tar.xz").write_text("")
        self.assertEqual(package.version(), "1-1")
        sources.path("x_1-2.debian.tar.xz").write_text("")
        self.assertEqual(package.version(), "1-2")

    def test_every_library_and_musl_is_locked(self):
        packages, _ = sources.read_lock()
        self.assertEqual(set(packages), {lib.name for lib in (*targets.LIBRARIES, targets.MUSL)})
        self.assertTrue(all(package.orig for package in packages.values()))

    def test_apt_lines_of_both_forms_are_understood(self):
        old = list(sources._one_line("# deb http://no x main\ndeb [signed-by=/k.gpg arch=amd64] http://a/debian trixie main\n"
                                     "deb http://b trixie-security main contrib\n"))
        self.assertEqual([(e["uris"], e["suites"], e["signed-by"]) for e in old],
                         [("http://a/debian", "trixie", "/k.gpg"), ("http://b", "trixie-security", "")])
        new = list(sources._stanzas("# c\nTypes: deb\nURIs: http://a\nSuites: trixie trixie-updates\nSigned-By:\n -----BEGIN\n"
                                    " .\n x\n\nTypes: deb\nURIs: http://b\nSuites: x\n"))
        self.assertEqual([e["uris"] for e in new], ["http://a", "http://b"])
        self.assertEqual(new[0]["signed-by"], "\n -----BEGIN\n .\n x")


class CommandLine(InACache):
    def run_build(self, *arguments):
        return subprocess.run([str(CROSS / "build"), *arguments], capture_output=True, text=True)

    def test_a_wrong_target_names_the_right_ones(self):
        done = self.run_build("riscv")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no target riscv; choose from host, x86_64, arm64, armhf", done.stderr)

    def test_verify_of_what_is_not_built_says_what_to_run(self):
        done = self.run_build("--verify", "host")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not built; run: cross/build host", done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_the_prefix_depends_on_the_cache_and_prints_alone(self):
        done = self.run_build("--print-prefix", "host")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, rf"^{self.cache}/deps/host-[0-9a-f]{{16}}\n$")


if __name__ == "__main__":
    unittest.main()
