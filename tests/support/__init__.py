# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests, the benches and the demo stand on.

Nothing here knows how limpet works inside: it starts the real servers that limpet
talks to, makes the repositories that limpet reads, and runs the limpet binary.
Standard library and PyYAML only, so that the demo needs no more than Debian's python3.
"""
