# SPDX-License-Identifier: Apache-2.0
"""Benches measure the static binary."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from figures import use_release  # noqa: E402

use_release()
