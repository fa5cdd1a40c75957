# SPDX-License-Identifier: Apache-2.0
"""`limpet build`: what a person sees, and whether the kinds and the objects are those of a
real API server."""

import re
import subprocess

import pytest
import yaml

from support.limpet import binary
from support.sitefiles import demo_site


class Folder:
    """A folder of manifests, and limpet build in it."""

    def __init__(self, path):
        self.path = path

    def write(self, name, text):
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(self, *words):
        return subprocess.run([*binary(), "build", *map(str, words)], cwd=self.path,
                              capture_output=True, text=True)

    def build(self, *words):
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return [one for one in yaml.safe_load_all(done.stdout) if one]


def manifest(kind="ConfigMap", name="till", api="v1", **metadata):
    return yaml.safe_dump({"apiVersion": api, "kind": kind, "metadata": {"name": name, **metadata}})


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def names(objects):
    return [f"{one['kind']} {one['metadata'].get('namespace', '')}/{one['metadata']['name']}"
            for one in objects]


def test_objects_come_in_the_order_in_which_the_device_applies_them(folder):
    folder.write("a.yaml", manifest("Deployment", api="apps/v1", namespace="shop"))
    folder.write("b.yaml", manifest())
    folder.write("c/d.yml", manifest("Namespace", "shop"))
    assert names(folder.build()) == ["Namespace /shop", "ConfigMap default/till",
                                     "Deployment shop/till"]
    assert names(folder.build("--namespace", "other", ".", "--path", "./c/")) == ["Namespace /shop"]
    assert names(folder.build("-n", "other"))[1] == "ConfigMap other/till"


def test_everything_wrong_is_told_at_once_and_nothing_is_printed(folder):
    folder.write("good.yaml", manifest())
    folder.write("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: Till\n")
    folder.write("b.yaml", "a: 1\n\tb: 2\n")
    done = folder.run()
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines() == [
        "a.yaml:4: metadata.name: \"Till\" is not a name; expected at most 253 lower-case letters, "
        "digits, '-' and '.', with a letter or digit at both ends",
        "b.yaml:2:1: a tab where YAML expects indentation; use spaces",
        "limpet: 2 problems; nothing was rendered",
    ]


def test_a_number_in_a_secret_is_told_by_its_place_and_not_by_its_value(folder):
    folder.write("a.yaml", manifest("Secret") + "data:\n  pin: 12345678\n")
    done = folder.run()
    assert done.returncode == 1 and "12345678" not in done.stdout + done.stderr
    assert re.search(r"^a\.yaml:\d+: data\.pin: an integer; expected a string", done.stderr), \
        done.stderr


def test_a_folder_without_manifests_or_none_at_all_is_told(folder):
    folder.write("README.md", "x")
    for words, told, code in [([], "no manifests in the tree", 1), (["nowhere"], "nowhere", 2),
                              (["--path", "x"], "x", 1)]:
        done = folder.run(*words)
        assert done.returncode == code and told in done.stderr and done.stdout == ""


def test_a_wrong_word_is_told(folder):
    for words in (["--frobnicate"], ["a", "b"], ["-o"]):
        done = folder.run(*words)
        assert done.returncode == 2 and "limpet build" in done.stderr, done.stderr


def test_help_shows_examples(folder):
    done = folder.run("--help")
    assert done.returncode == 0 and "Examples:" in done.stdout and "--path" in done.stdout


def test_it_writes_one_file_or_one_for_each_object(folder):
    folder.write("in/a.yaml", manifest() + "---\n" + manifest("Namespace", "shop"))
    assert folder.build("in", "-o", "out.yaml") == []
    assert names(yaml.safe_load_all((folder.path / "out.yaml").read_text())) == [
        "Namespace /shop", "ConfigMap default/till"]
    (folder.path / "out").mkdir()
    folder.build("in", "-o", "out")
    assert sorted(file.name for file in (folder.path / "out").iterdir()) == [
        "v1_configmap_till.yaml", "v1_namespace_shop.yaml"]
    folder.write("in/b.yaml", manifest(namespace="shop"))
    folder.build("in", "-o", "out")
    assert (folder.path / "out" / "shop_v1_configmap_till.yaml").exists()
    done = folder.run("in", "-o", "nowhere/out.yaml")
    assert done.returncode == 2 and "nowhere/out.yaml" in done.stderr


def test_a_work_tree_is_rendered_without_its_git_folder(folder):
    subprocess.run(["git", "init", "-q", folder.path], check=True)
    folder.write("a.yaml", manifest())
    assert names(folder.build()) == ["ConfigMap default/till"]


def test_the_kinds_of_the_api_server_are_known_with_their_scopes(folder, controlplane):
    """Against the discovery of a real server: whether a kind lives in a namespace."""
    kinds = [kind for kind in controlplane.api.resources()
             if "patch" in kind.verbs and not kind.group.endswith("example.com")]
    assert len(kinds) > 40
    wrong = []
    for kind in kinds:
        api = f"{kind.group}/{kind.version}" if kind.group else kind.version
        folder.write("a.yaml", manifest(kind.kind, "x", api))
        [built] = folder.build()
        if ("namespace" in built["metadata"]) != kind.namespaced:
            wrong.append(f"{kind.kind}.{kind.group}")
    assert not wrong


def test_the_api_server_takes_what_is_built(folder, controlplane):
    """All but custom resources, whose kind a dry run does not make, in namespaces that are
    there: a dry run makes none either."""
    for name, text in demo_site("x").items():
        folder.write(name, text)
    built = [one for one in folder.build() if "example" not in one["apiVersion"]]
    for one in built:
        if "namespace" in one["metadata"]:
            one["metadata"]["namespace"] = "default"
    assert len(built) > 15
    controlplane.kubectl("apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-",
                         input=yaml.safe_dump_all(built))
