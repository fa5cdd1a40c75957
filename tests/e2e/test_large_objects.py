# SPDX-License-Identifier: Apache-2.0
"""Objects as large as the API server stores them."""

import secrets

from support.sitefiles import small_site
from support.told import is_applied


def large(site, number, version):
    """A ConfigMap of 900 KiB that does not get smaller when it is packed."""
    return (f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: menu-{number}\n"
            f"  namespace: {site.namespace}\ndata:\n  version: \"{version}\"\n"
            f"  menu: {secrets.token_hex(450 << 10)}\n")


def test_six_large_objects_in_a_row_are_applied(site):
    site.limpet.config["cluster"]["concurrency"] = 4
    site.limpet.write_config()
    for version in "12":
        commit = site.repo.publish({**small_site(site.prefix), **{
            f"menu-{n}.yaml": large(site, n, version) for n in range(6)}})

        result = site.limpet.run("sync")

        assert result.code == 0, result.err
        assert is_applied(site.limpet.status(), commit)
        assert [site.get("ConfigMap", f"menu-{n}")["data"]["version"] for n in range(6)] == (
            [version] * 6)
