# SPDX-License-Identifier: Apache-2.0
"""Memory: the sum of Pss over all limpet processes alive at one time, sampled at least every
5 ms, each process's VmHWM beside it, the worst of the runs."""

import shutil
import time

from figures import figure, wait_applied
from support.sitefiles import synthetic_files

RUNS = 5
IDLE_S = 8  # long enough for everything of a cycle to be over


def fresh_start(site, files):
    """Pushes files and starts a daemon on an empty state; (commit, report of the first sync)."""
    site.limpet.source["poll"] = "300s"
    site.limpet.write_config()
    commit = site.repo.publish(files, "Many objects")
    site.limpet.start(held=True)
    with site.limpet.measured() as report:
        site.limpet.release()
        wait_applied(site.limpet, commit)
        time.sleep(0.5)
    return report


def worst(reports):
    return max(reports, key=lambda report: report.peak_kib)


def forget(site):
    """Takes the state away, so that the next start is a first one."""
    shutil.rmtree(site.limpet.state_dir)
    site.limpet.state_dir.mkdir()


def test_a_first_sync_of_250_objects_fits(site):
    reports = []
    for run in range(RUNS):
        # Other objects each time, so that all of them are made.
        reports.append(fresh_start(site, synthetic_files(250, f"{site.prefix}-{run}")))
        site.limpet.stop()
        site.repo.clear()
        forget(site)
    report = worst(reports)
    print(f"\n{report}\nparts of the peak: {report.peak_parts}")
    figure("peak PSS, first sync of 250 objects, worst of 5", report.peak_kib / 1024, 12.0, "MiB",
           f"all: {[r.peak_kib for r in reports]} KiB")


def test_an_idle_daemon_with_100_objects_is_small(site):
    fresh_start(site, synthetic_files(100, site.prefix))
    reports = []
    for _ in range(RUNS):
        time.sleep(1)
        with site.limpet.measured() as report:
            time.sleep(IDLE_S / RUNS)
        reports.append(report)
    report = worst(reports)
    print(f"\n{report}")
    figure("PSS, idle, 100 objects, worst of 5", report.peak_kib / 1024, 4.0, "MiB")
    assert site.limpet.stop() == 0
