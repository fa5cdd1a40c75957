# SPDX-License-Identifier: Apache-2.0
"""After `tests/demo --keep`: what to try, and the end of it."""

import json
import shutil
from pathlib import Path

from story.chapters import SECOND_IMAGE
from story.needed import CannotGoOn
from support.controlplane import ExternalCluster
from support.limpet import binary
from support.processes import end_recorded, recorded_alive

RECORD = "demo.json"


def write_record(stage):
    """Marks the folder as one that `--end` may remove."""
    (stage.folder / RECORD).write_text(json.dumps(
        {"prefix": stage.prefix, "kubeconfig": stage.kubeconfig}) + "\n")


def prepare(stage):
    """Mends what the story has broken: Git runs, and its branch is as the operator left it."""
    stage.start_server()
    stage.site.repo.reset(stage.second)
    stage.site.repo.push()


def what_to_try(stage):
    """Prints commands that can be typed as they stand."""
    tell, site, folder = stage.teller, stage.site, stage.folder
    path = [Path(binary()[-1]).parent]
    if stage.is_ours:
        path.append(stage.cluster.programs)
    config = site.limpet.config_file
    tell.chapter("Everything runs on. In a shell of yours:")
    tell.command(f"export PATH={':'.join(map(str, path))}:$PATH")
    cache = f"{folder}/kubectl-cache"
    tell.command(f"export KUBECONFIG={stage.cluster.kubeconfig} KUBECACHEDIR={cache}")
    for comment, lines in (
        ("What is there:", [f"kubectl get all,ingress,cameras -n {site.namespace}",
                            f"limpet status -c {config}", f"limpet history -c {config}"]),
        ("End the rollback: the second revision comes back.", [f"limpet resume -c {config}"]),
        ("Push a change; limpet takes it up within a second.",
         [f"cd {site.repo.root}",
          f"sed -i s/pos:{SECOND_IMAGE}/pos:4.4.0/ pos/point-of-sale.yaml",
          "git commit -S -a -m 'A newer till' && git push origin site/demo"]),
        ("Break something, and have it mended.",
         [f"kubectl delete service pos -n {site.namespace}", f"limpet sync -c {config}"]),
        ("What limpet does, line by line:", [f"tail -f {site.limpet.folder}/daemon.log"]),
    ):
        tell.say(comment)
        for line in lines:
            tell.command(line)


def how_to_end(stage, demo):
    """Prints the command that ends everything."""
    stage.teller.say("To end exactly these processes and remove the folder:")
    stage.teller.command(f"{demo} --end {stage.folder}")


def end(folder, teller):
    """Ends what a run with `--keep` has left there, and removes it."""
    folder = Path(folder).resolve()
    if not (folder / RECORD).exists():
        raise CannotGoOn(f"{folder} was not made by tests/demo --keep: it holds no {RECORD}")
    made = json.loads((folder / RECORD).read_text())
    for file in sorted(folder.glob("*/processes.json")):
        names = recorded_alive(file)
        end_recorded(file)
        teller.say(f"ended: {', '.join(names) or 'nothing ran any more'}")
    if made["kubeconfig"]:
        with teller.step(f"{made['prefix']}* deleted from the cluster"):
            ExternalCluster(made["kubeconfig"], folder / "cluster").remove_all(
                made["prefix"], timeout=180)
    shutil.rmtree(folder)
    teller.say(f"removed: {folder}")
